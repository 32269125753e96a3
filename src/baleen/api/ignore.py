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
from typing import TYPE_CHECKING

from baleen.api import glob
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Ignore", "State", "parse_ignore"]

MAX_PATTERNS = 10_000
MAX_SIZE = 1 << 20

_SPACES = " \t\n\v\f\r\x85\xa0"

State = tuple[bool, ...]
"""Which patterns match a directory or a parent of it; `()`: nothing known. See `Ignore.step`."""


def parse_ignore(text: str | bytes) -> tuple[str, ...]:
    """Return the patterns of a `.dockerignore`, without comments, in their clean form.

    Raises InvalidArgument on more than 1 MiB or 10,000 patterns.

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
class _Rule:
    pattern: str
    exception: bool
    matches: Callable[[str], bool]
    fixed: tuple[str, ...]  # the components before the first that has a wildcard
    has_wildcard: bool


class Ignore:
    """Patterns, the later ones deciding over the earlier ones.

    Raises `glob.PatternError`, or InvalidArgument for a lone "!".
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self._rules = tuple(
            _rule(pattern.strip(_SPACES)) for pattern in patterns if pattern.strip(_SPACES)
        )
        self._exceptions = tuple(rule for rule in self._rules if rule.exception)

    def __bool__(self) -> bool:
        """Tell whether there is any pattern."""
        return bool(self._rules)

    def matches(self, path: str) -> bool:
        """Tell whether `path` is left out, by a pattern for it or for a directory above it."""
        excluded = False
        parents: list[str] | None = None
        for rule in self._rules:
            if rule.exception is not excluded:
                continue
            found = rule.matches(path)
            if not found:
                if parents is None:
                    parents = _parents(path)
                found = any(rule.matches(parent) for parent in parents)
            if found:
                excluded = not rule.exception
        return excluded

    def step(self, name: str, parent: State) -> tuple[bool, State]:
        """Tell whether the path `name` is left out, given the state of the directory it is in.

        Begin with the state `()` at the root; give the returned one for what is in `name`. The
        result is that of `matches`, without looking at the parents again.
        """
        excluded = False
        if parent:
            state = tuple(
                known or rule.matches(name) for known, rule in zip(parent, self._rules, strict=True)
            )
        else:
            state = tuple(rule.matches(name) for rule in self._rules)
        for found, rule in zip(state, self._rules, strict=True):
            if found:
                excluded = not rule.exception
        return excluded, state

    def may_hold_exception(self, directory: str) -> bool:
        """Tell whether something in a left-out directory may be wanted again, so walk it."""
        if not self._exceptions:
            return False
        names = tuple(directory.split("/"))
        return any(_may_be_below(rule, names) for rule in self._exceptions)


def _may_be_below(rule: _Rule, names: tuple[str, ...]) -> bool:
    common = min(len(rule.fixed), len(names))
    if rule.fixed[:common] != names[:common]:
        return False
    return rule.has_wildcard or len(rule.fixed) > len(names)


def _rule(pattern: str) -> _Rule:
    pattern = _clean(pattern)
    exception = pattern.startswith("!")
    if exception:
        pattern = pattern[1:]
        if not pattern:
            raise InvalidArgument('illegal exclusion pattern: "!"')
    fixed: list[str] = []
    components = pattern.split("/")
    for component in components:
        if not _is_plain(component):
            break
        fixed.append(component)
    return _Rule(pattern, exception, _matcher(pattern), tuple(fixed), len(fixed) < len(components))


def _matcher(pattern: str) -> Callable[[str], bool]:
    """Return the test for one pattern; the plain kinds need no regular expression."""
    if _is_plain(pattern):
        return pattern.__eq__
    if pattern.count("**") == 1 and _is_plain(pattern.replace("**", "")):
        if pattern.startswith("**"):
            suffix = pattern[2:]
            return lambda path: path.endswith(suffix) or (suffix[:1] == "/" and path == suffix[1:])
        if pattern.endswith("**"):
            prefix = pattern[:-2]
            return lambda path: path.startswith(prefix)
    return glob.compile_elements(glob.parse_pattern(pattern, double_stars=True))


def _is_plain(pattern: str) -> bool:
    return not any(character in pattern for character in "*?[]\\")


def _parents(path: str) -> list[str]:
    """Return "a", "a/b" for "a/b/c"."""
    return [path[:index] for index, character in enumerate(path) if character == "/" and index]


def _clean(path: str) -> str:
    cleaned = posixpath.normpath(path)
    return cleaned[1:] if cleaned.startswith("//") else cleaned
