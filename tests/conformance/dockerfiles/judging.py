"""What came of a build against what the case expects."""

from __future__ import annotations

import io
import re
import tarfile
from dataclasses import dataclass, field
from typing import Any

from corpus import Text


@dataclass
class Outcome:
    """What a builder gave.

    Attributes:
        output: all that it printed.
        error: its message where it failed.
        image: as `GET /images/{name}/json` shows it.
        tree: the file system, from the image's layers.
        base_layers: how many layers of the image are those of its base (None: unknown).
        runs: what containers printed, by their arguments.
        cached, ran: numbers of steps, where the builder tells them.
    """

    output: str = ""
    error: str = ""
    image: dict[str, Any] = field(default_factory=dict)
    tree: Tree | None = None
    base_layers: int = 0
    runs: dict[tuple[str, ...], str] = field(default_factory=dict)
    cached: set[int] = field(default_factory=set)
    ran: set[int] = field(default_factory=set)


@dataclass
class Member:
    """A file of a tree; `target` is where a link points to, or the name that shares the file."""

    info: tarfile.TarInfo
    data: bytes = b""

    @property
    def facts(self) -> tuple[Any, ...]:
        """All that has to be equal in an image and in a container made from it."""
        info = self.info
        mode = 0 if info.issym() else info.mode & 0o7777
        return info.type, mode, info.uid, info.gid, info.linkname, self.data


class Tree:
    """Layers laid over each other, or one archive of a file system."""

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}

    @classmethod
    def of(cls, *archives: bytes) -> Tree:
        tree = cls()
        for archive in archives:
            tree.lay(archive)
        return tree

    def lay(self, archive: bytes) -> None:
        """Put a layer on top (OCI image-spec layer.md: whiteouts count for what is below)."""
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            found = {"/" + m.name.removeprefix("./").strip("/"): m for m in tar}
            for path in found:
                directory, _, name = path.rpartition("/")
                if name == ".wh..wh..opq":
                    self._drop_below(directory)
                elif name.startswith(".wh."):
                    self.members.pop(f"{directory}/{name[4:]}", None)
                    self._drop_below(f"{directory}/{name[4:]}")
            for path, info in found.items():
                if path == "/" or path.rpartition("/")[2].startswith(".wh."):
                    continue
                if not info.isdir():
                    self._drop_below(path)
                file = tar.extractfile(info) if info.isreg() else None
                if info.islnk():
                    info.linkname = "/" + info.linkname.removeprefix("./").strip("/")
                self.members[path] = Member(info, file.read() if file else b"")

    def _drop_below(self, directory: str) -> None:
        for path in [path for path in self.members if path.startswith(directory + "/")]:
            del self.members[path]

    def first(self, path: str) -> str:
        """Return the name under which a file with several names is packed."""
        info = self.members[path].info
        return self.first(info.linkname) if info.islnk() else path

    def content(self, path: str) -> bytes:
        return self.members[self.first(path)].data

    def below(self, path: str) -> list[str]:
        start = path.rstrip("/") + "/"
        return sorted(
            name.removeprefix(start) + ("/" if member.isdir() else "")
            for name, member in ((name, m.info) for name, m in self.members.items())
            if name.startswith(start) and name != start
        )


_TYPES = {"file": tarfile.TarInfo.isreg, "dir": tarfile.TarInfo.isdir}


def problems(expect: tuple[tuple[Any, ...], ...], outcome: Outcome) -> list[str]:
    """Return a line for each fact that is not so."""
    errors = [fact for fact in expect if fact[0] == "error"]
    if outcome.error and not errors:
        return [f"the build failed: {outcome.error}"]
    if errors and not outcome.error:
        return [f"the build did not fail with {errors[0][1]!r}"]
    found = []
    for fact in expect:
        wrong = _check(fact, outcome)
        if wrong:
            found.append(f"{' '.join(map(str, fact))!r}: {wrong}")
    return found


def _check(fact: tuple[Any, ...], outcome: Outcome) -> str:
    kind, *rest = fact
    if kind.startswith("/"):
        assert outcome.tree is not None
        return _check_path(kind, rest, outcome.tree)
    return _CHECKS[kind](rest, outcome)


def _check_path(path: str, rest: list[Any], tree: Tree) -> str:
    kind, *more = rest
    there = path in tree.members
    if kind == "absent":
        return "it is there" if there else ""
    if kind == "lists":
        below = tree.below(path)
        return "" if below == sorted(more) else f"there is {below}"
    if not there:
        return f"not there; beside: {tree.below(path.rpartition('/')[0])[:30]}"
    member = tree.members[path].info
    if kind == "mtime":
        return "" if int(member.mtime) == int(more[0]) else f"is {int(member.mtime)}"
    if kind == "same":
        return "" if tree.first(path) == tree.first(more[0]) else "are two files"
    if kind == "link":
        if not member.issym():
            return f"is no link (type {member.type!r})"
        return "" if member.linkname == more[0] else f"points to {member.linkname}"
    member = tree.members[tree.first(path)].info
    if not _TYPES[kind](member):
        return f"has type {member.type!r}"
    for word in more:
        if not isinstance(word, Text) and re.fullmatch(r"[0-7]{4}", word):
            if member.mode & 0o7777 != int(word, 8):
                return f"mode is {member.mode & 0o7777:04o}"
        elif not isinstance(word, Text) and re.fullmatch(r"\d+:\d+", word):
            if f"{member.uid}:{member.gid}" != word:
                return f"owner is {member.uid}:{member.gid}"
        elif tree.content(path) != word.encode():
            return f"content is {tree.content(path)[:500]!r}"
    return ""


def _empty(value: Any) -> Any:
    return None if value in ("", [], {}, False, 0) else value


def _config(rest: list[Any], outcome: Outcome) -> str:
    key, wanted = rest
    value: Any = outcome.image.get("Config") or {}
    for part in key.split("."):
        value = (value or {}).get(part)
    wanted = None if wanted == "null" else wanted
    return "" if _empty(value) == _empty(wanted) else f"is {value!r}"


def _image(rest: list[Any], outcome: Outcome) -> str:
    value = outcome.image.get(rest[0])
    return "" if value == rest[1] else f"is {value!r}"


def _pair(values: dict[str, str], name: str, wanted: str) -> str:
    if wanted == "absent":
        return "" if name not in values else f"is {values[name]!r}"
    return "" if values.get(name) == wanted else f"is {values.get(name)!r}"


def _env(rest: list[Any], outcome: Outcome) -> str:
    lines = (outcome.image.get("Config") or {}).get("Env") or []
    return _pair({a: b for a, _, b in (line.partition("=") for line in lines)}, *rest)


def _label(rest: list[Any], outcome: Outcome) -> str:
    return _pair((outcome.image.get("Config") or {}).get("Labels") or {}, *rest)


def _layers(rest: list[Any], outcome: Outcome) -> str:
    count = len(outcome.image["RootFS"].get("Layers") or []) - outcome.base_layers
    return "" if count == int(rest[0]) else f"are {count}"


def _error(rest: list[Any], outcome: Outcome) -> str:
    text, *line = rest
    if text not in outcome.error:
        return f"says: {outcome.error}"
    if line and not re.search(rf"(?:line |Dockerfile\S*:){line[0]}\b", outcome.error):
        return f"names another line: {outcome.error}"
    return ""


def _runs(rest: list[Any], outcome: Outcome) -> str:
    wanted, *arguments = rest
    printed = outcome.runs[tuple(arguments)]
    return "" if printed == wanted else f"prints {printed!r}"


_CHECKS = {
    "runs": _runs,
    "config": _config,
    "image": _image,
    "env": _env,
    "label": _label,
    "layers": _layers,
    "error": _error,
    "output": lambda rest, outcome: "" if rest[0] in outcome.output else outcome.output[-800:],
    "no-output": lambda rest, outcome: outcome.output if rest[0] in outcome.output else "",
    "cached": lambda rest, outcome: (
        "" if {int(n) for n in rest} <= outcome.cached else f"cached are {sorted(outcome.cached)}"
    ),
    "ran": lambda rest, outcome: (
        "" if {int(n) for n in rest} <= outcome.ran else f"cached are {sorted(outcome.cached)}"
    ),
}
