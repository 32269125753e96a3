"""Which files of a build context are left out: the rules of `.dockerignore`, and of `--exclude`.

    node_modules        that file or directory at the root, with all in it
    **/*.pyc            in any directory
    docs/*              what is directly in docs (and, as parents count, all below)
    !docs/README.md     an exception; the last pattern that matches a path, or a parent, decides
    # comment

Paths are relative to the root of the context, clean, with "/" between: "a/b". The client leaves
files out before it sends them, the daemon once more.

See: Dockerfile reference, .dockerignore file; moby/patternmatcher, whose results these are.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from itertools import groupby, takewhile
from operator import itemgetter
from typing import TYPE_CHECKING

from baleen.api import glob
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["Ignore", "State", "parse_ignore"]

MAX_PATTERNS = 4000
MAX_SIZE = 256 << 10

_SPACES = " \t\n\v\f\r\x85\xa0"

State = tuple[bool, ...]
"""Which groups match a directory or a parent of it; `()`: nothing known. See `Ignore.step`."""


def parse_ignore(text: str | bytes) -> tuple[str, ...]:
    """Return the patterns of a `.dockerignore`, without comments, in their clean form.

    Raises InvalidArgument on more than 256 KiB or 4,000 patterns.

    See: moby/patternmatcher, ignorefile.ReadAll.
    """
    if len(text) > MAX_SIZE:
        raise InvalidArgument(f"the .dockerignore file has more than {MAX_SIZE} bytes")
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    patterns: list[str] = []
    for line in text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}").split("\n"):
        pattern = line.strip(_SPACES)
        if not pattern or line.startswith("#"):
            continue
        inverted = pattern.startswith("!")
        if inverted:
            pattern = pattern[1:].strip(_SPACES)
        if pattern:
            pattern = _clean(pattern)
            if len(pattern) > 1 and pattern.startswith("/"):
                pattern = pattern[1:]
        patterns.append("!" + pattern if inverted else pattern)
    if len(patterns) > MAX_PATTERNS:
        raise InvalidArgument(f"the .dockerignore file has more than {MAX_PATTERNS} patterns")
    return tuple(patterns)


@dataclass(frozen=True, slots=True)
class _Group:
    """Patterns in a row that all leave out, or all are exceptions: any of them will do."""

    exception: bool
    plain: frozenset[str]
    matches_others: Callable[[str], bool] | None

    def matches(self, path: str) -> bool:
        return path in self.plain or (self.matches_others is not None and self.matches_others(path))


class Ignore:
    """Patterns, the later ones deciding over the earlier ones.

    Raises `glob.PatternError`, or InvalidArgument for a lone "!".
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        rules = [_rule(text) for pattern in patterns if (text := pattern.strip(_SPACES))]
        self._groups = tuple(
            _group(exception, [pattern for _, pattern in group])
            for exception, group in groupby(rules, key=itemgetter(0))
        )
        self._exceptions = tuple(_Place(pattern) for exception, pattern in rules if exception)

    def __bool__(self) -> bool:
        """Tell whether there is any pattern."""
        return bool(self._groups)

    def matches(self, path: str) -> bool:
        """Tell whether `path` is left out, by a pattern for it or for a directory above it."""
        paths = [path, *_parents(path)]
        for group in reversed(self._groups):
            if any(group.matches(one) for one in paths):
                return not group.exception
        return False

    def step(self, name: str, parent: State) -> tuple[bool, State]:
        """Tell whether the path `name` is left out, given the state of the directory it is in.

        Begin with the state `()` at the root; give the returned one for what is in `name`. The
        result is that of `matches`, without looking at the parents again.
        """
        excluded = False
        state = []
        for index, group in enumerate(self._groups):
            found = (bool(parent) and parent[index]) or group.matches(name)
            state.append(found)
            if found:
                excluded = not group.exception
        return excluded, tuple(state)

    def may_hold_exception(self, directory: str) -> bool:
        """Tell whether something in a left-out directory may be wanted again, so walk it."""
        if not self._exceptions:
            return False
        names = directory.split("/")
        return any(place.may_be_below(names) for place in self._exceptions)


class _Place:
    """Where an exception can match."""

    def __init__(self, pattern: str) -> None:
        components = pattern.split("/")
        self._fixed = list(takewhile(_is_plain, components))
        self._has_wildcard = len(self._fixed) < len(components)

    def may_be_below(self, names: list[str]) -> bool:
        common = min(len(self._fixed), len(names))
        if self._fixed[:common] != names[:common]:
            return False
        return self._has_wildcard or len(self._fixed) > len(names)


def _rule(pattern: str) -> tuple[bool, str]:
    """Return whether the pattern is an exception, and its clean form without the "!"."""
    pattern = _clean(pattern)
    if not pattern.startswith("!"):
        return False, pattern
    if pattern == "!":
        raise InvalidArgument('illegal exclusion pattern: "!"')
    return True, pattern[1:]


def _group(exception: bool, patterns: list[str]) -> _Group:
    plain = frozenset(pattern for pattern in patterns if _is_plain(pattern))
    others = [_elements(pattern) for pattern in patterns if pattern not in plain]
    return _Group(exception, plain, glob.compile_elements(*others) if others else None)


def _elements(pattern: str) -> Sequence[glob.Element]:
    """Return the elements of a pattern; a `**` before plain text takes any text."""
    text = pattern[2:]
    if pattern.startswith("**") and not text.startswith("/") and _is_plain(text):
        return (glob.REST, *glob.parse_pattern(text))
    return glob.parse_pattern(pattern, double_stars=True)


def _is_plain(pattern: str) -> bool:
    return not any(character in pattern for character in "*?[]\\")


def _parents(path: str) -> list[str]:
    """Return "a", "a/b" for "a/b/c"."""
    return [path[:index] for index, character in enumerate(path) if character == "/" and index]


def _clean(path: str) -> str:
    cleaned = posixpath.normpath(path)
    return cleaned[1:] if cleaned.startswith("//") else cleaned
