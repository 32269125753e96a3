"""The format of the corpus: cases in text files, one file for each part of the reference.

    === name-of-the-case
    The sentence that it proves.
    --- Dockerfile
    FROM scratch
    COPY a.txt /
    --- file a.txt 0640
    hello
    --- expect
    /a.txt file 0640 0:0 "hello\n"

What stands in a line is split at spaces; a word that starts with `"`, `[` or `{` is JSON.

Parts of a case:

    Dockerfile [json]         json: the body is one JSON string, for bytes that a text file hides
    file PATH [MODE] [json]   dir PATH [MODE]   link PATH TARGET   hardlink PATH OTHER   fifo PATH
    archive PATH [gz|bz2|xz|zst]   of lines `PATH file|dir|link MODE|TARGET [UID:GID] ["content"]`
    package NAME PATH         a .deb of the Debian base's packages (shapes only)
    served NAME [gz|...]      what @HTTP@/NAME in the Dockerfile gives; packed: an archive's lines
    image NAME                a Dockerfile that is built first, with the same context
    options                   target, build-arg, label, dockerfile, network, no-cache, squash
    expect                    what has to come of it
    again                     a second build: parts that follow replace those before
    since VERSION             of the Dockerfile syntax: older builders do not know it
    differs PEER              why that builder answers otherwise; PEER is classic or buildkit

Lines of `expect`:

    PATH file [MODE] [UID:GID] ["content"]      PATH dir [MODE] [UID:GID]
    PATH link TARGET       PATH same OTHER      PATH absent       PATH mtime SECONDS
    PATH lists NAME...     all that is below PATH, directories with a slash behind
    config KEY[.KEY] JSON  of the image's Config (null: absent or empty)
    image KEY JSON         of the image itself, such as Author
    env NAME "value"       or: env NAME absent        label NAME "value"   or: label NAME absent
    layers COUNT           more than the base has
    runs "output" [ARG...] what a container prints, with these arguments or the image's command
    output "text"          in what the build prints; no-output "text": nowhere in it
    error "text" [LINE]    the build fails with it; LINE is the line that is named
    cached STEP...         ran STEP...                steps by their number from 1
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import re
import tarfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import zstandard

CASES = Path(__file__).parent / "cases"
SHAPES = Path(__file__).parent / "shapes"
_MTIME = 1_600_000_000


@dataclass(frozen=True)
class Entry:
    """One member of a context."""

    kind: str
    mode: int = 0o644
    data: bytes = b""
    target: str = ""
    owner: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Build:
    """One request and what has to come of it."""

    dockerfile: bytes = b""
    entries: dict[str, Entry] = field(default_factory=dict)
    served: dict[str, bytes] = field(default_factory=dict)
    options: tuple[tuple[str, str], ...] = ()
    expect: tuple[tuple[object, ...], ...] = ()

    def option(self, name: str) -> str:
        return next((value for key, value in self.options if key == name), "")

    def pairs(self, name: str) -> dict[str, str]:
        values = [value.partition("=") for key, value in self.options if key == name]
        return {key: value for key, _, value in values}

    @property
    def fails(self) -> bool:
        return any(fact[0] == "error" for fact in self.expect)

    def context(self) -> bytes:
        """Return the tar that a client would send; `.dockerignore` is left to the daemon."""
        name = self.option("dockerfile") or "Dockerfile"
        entries = dict(self.entries)
        if self.dockerfile:
            entries[name] = Entry("file", 0o644, self.dockerfile)
        return pack(entries)


@dataclass(frozen=True)
class Case:
    """A named sequence of builds."""

    name: str
    topic: str
    sentence: str
    builds: tuple[Build, ...]
    images: dict[str, bytes]
    since: tuple[int, ...]
    differs: dict[str, str]


def pack(entries: dict[str, Entry]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, entry in entries.items():
            info = tarfile.TarInfo(name)
            info.mode, info.mtime, (info.uid, info.gid) = entry.mode, _MTIME, entry.owner
            if entry.kind == "dir":
                info.type = tarfile.DIRTYPE
            elif entry.kind == "link":
                info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.target, 0o777
            elif entry.kind == "hardlink":
                info.type, info.linkname = tarfile.LNKTYPE, entry.target
            elif entry.kind == "fifo":
                info.type = tarfile.FIFOTYPE
            else:
                info.size = len(entry.data)
            tar.addfile(info, io.BytesIO(entry.data))
    return out.getvalue()


_PACKERS = {
    "": bytes,
    "gz": lambda data: gzip.compress(data, mtime=0),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda data: zstandard.ZstdCompressor().compress(data),
}


class Text(str):
    """A word that was given as JSON: never a mode or an owner."""

    __slots__ = ()


def words(line: str) -> list[object]:
    """Split a line at spaces; JSON values are words too."""
    found: list[object] = []
    decoder = json.JSONDecoder()
    position, end = 0, len(line)
    while position < end:
        if line[position] == " ":
            position += 1
        elif line[position] in '"[{':
            value, position = decoder.raw_decode(line, position)
            found.append(Text(value) if isinstance(value, str) else value)
        else:
            stop = line.find(" ", position)
            stop = end if stop < 0 else stop
            found.append(line[position:stop])
            position = stop
    return found


def load(directory: Path = CASES) -> list[Case]:
    """Return all cases; names and images of their own are unique."""
    cases = [case for path in sorted(directory.glob("*.txt")) for case in parse(path)]
    for kind, names in (
        ("case", [case.name for case in cases]),
        ("image", [name for case in cases for name in case.images]),
    ):
        twice = {name for name in names if names.count(name) > 1}
        assert not twice, f"{kind} given twice: {sorted(twice)}"
    return cases


def parse(path: Path) -> list[Case]:
    text = path.read_bytes().decode()
    parts = re.split(r"^=== (\S+)\n", text, flags=re.MULTILINE)
    return [_case(path.stem, parts[index], parts[index + 1]) for index in range(1, len(parts), 2)]


def _case(topic: str, name: str, text: str) -> Case:
    pieces = re.split(r"^--- (.*)\n", text, flags=re.MULTILINE)
    build = Build()
    builds: list[Build] = []
    images: dict[str, bytes] = {}
    since, differs = (1,), {}
    for index in range(1, len(pieces), 2):
        head, body = pieces[index], pieces[index + 1]
        kind, *rest = (str(word) for word in words(head))
        try:
            if kind == "again":
                builds.append(build)
                build = replace(build, options=(), expect=())
            elif kind == "image":
                images[rest[0]] = body.encode()
            elif kind == "since":
                since = tuple(int(part) for part in rest[0].split("."))
            elif kind == "differs":
                assert body.strip(), "no reason"
                differs[rest[0]] = " ".join(body.split())
            else:
                build = _with_part(build, kind, rest, body)
        except (ValueError, IndexError, AssertionError) as err:
            raise ValueError(f"{topic}: {name}: {head}: {err}") from err
    builds.append(build)
    sentence = " ".join(pieces[0].split())
    assert sentence, f"{name} has no sentence"
    return Case(name, topic, sentence, tuple(builds), images, since, differs)


def _with_part(build: Build, kind: str, rest: list[str], body: str) -> Build:
    if kind == "Dockerfile":
        data = json.loads(body).encode("latin-1") if rest == ["json"] else body.encode()
        return replace(build, dockerfile=data)
    if kind == "served":
        data = _entry("archive", rest, body).data if rest[1:] else body.encode()
        return replace(build, served={**build.served, rest[0]: data})
    if kind == "options":
        found = tuple((a, b.strip()) for a, _, b in (x.partition(" ") for x in body.splitlines()))
        return replace(build, options=found)
    if kind == "expect":
        facts = tuple(tuple(words(line)) for line in body.splitlines() if line.strip())
        return replace(build, expect=facts)
    path = rest[1] if kind == "package" else rest[0]
    return replace(build, entries={**build.entries, path: _entry(kind, rest, body)})


def _entry(kind: str, rest: list[str], body: str) -> Entry:
    if kind == "file":
        as_json = "json" in rest[1:]
        modes = [word for word in rest[1:] if word != "json"]
        data = json.loads(body).encode("latin-1") if as_json else body.encode()
        return Entry("file", int(modes[0], 8) if modes else 0o644, data)
    if kind == "package":
        return Entry("package", target=rest[0])
    assert kind == "archive" or not body.strip(), "has no body"
    if kind == "dir":
        return Entry("dir", int(rest[1], 8) if rest[1:] else 0o755)
    if kind in ("link", "hardlink"):
        return Entry(kind, target=rest[1])
    if kind == "fifo":
        return Entry("fifo")
    if kind == "archive":
        inside: dict[str, Entry] = {}
        for line in body.splitlines():
            path, what, third, *more = (str(word) for word in words(line))
            if what in ("link", "hardlink"):
                mode = inside[third].mode if what == "hardlink" else 0o777
                inside[path] = Entry(what, mode, target=third)
                continue
            uid, _, gid = (more[0] if more else "0:0").partition(":")
            data = more[1].encode() if more[1:] else b""
            inside[path] = Entry(what, int(third, 8), data, owner=(int(uid), int(gid)))
        return Entry("file", data=_PACKERS[rest[1] if rest[1:] else ""](pack(inside)))
    raise ValueError(f"no such part: {kind}")


def differences() -> str:
    """Return the table of README.md: where the peers answer otherwise, and why."""
    lines = ["| case | peer | what it does |", "| --- | --- | --- |"]
    for case in (*load(), *load(SHAPES)):
        lines += [f"| {case.name} | {peer} | {why} |" for peer, why in case.differs.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(differences(), end="")
