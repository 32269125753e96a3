"""From the words of COPY to the files they mean.

A path is made clean first: `..` never leads out, a trailing slash does not matter. Links on the way
and at the end lead to what they mean inside the tree. From the first component with a wildcard on,
names are compared one by one, and links are not followed on the way, as BuildKit does it.

With `--parents` a path is looked for from its pivot (`/./`, else the root), `**` stands for any
number of directories, and the directories on the way are part of the result.
"""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from baleen.api.glob import has_wildcard, match
from baleen.archive.names import NAME_LIMIT
from baleen.errors import InvalidArgument, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from baleen.build.files.tree import FileTree, Node

__all__ = ["Selected", "select"]


@dataclass(frozen=True, slots=True)
class Selected:
    """One file that is meant.

    Attributes:
        node: what it is, links followed.
        path: how it was reached, from the root; it gives the name.
        above: the directories from the pivot down to it, with `--parents`.
    """

    node: Node
    path: bytes
    above: tuple[Node, ...] = ()

    @property
    def name(self) -> bytes:
        """Its last component; empty for the root."""
        return self.path.rpartition(b"/")[2]


def select(
    tree: FileTree,
    path: str,
    *,
    patterns: bool = True,
    follow: bool = True,
    parents: bool = False,
    check: Callable[[], None] = lambda: None,
) -> list[Selected]:
    """Return what `path` means, in the order of names; [] only where a wildcard matches nothing.

    `check` is called for each directory that is looked through; it raises when the work shall end.

    Raises:
        NotFound: `stat PATH: file does not exist`.
        InvalidArgument: a malformed pattern, a path that is too long.
    """
    if len(path) > NAME_LIMIT or "\0" in path:
        raise InvalidArgument(f"invalid source path {path[:200]!r}")
    if parents:
        return _with_parents(tree, path, check)
    parts = _clean(path)
    fixed = len(parts)
    if patterns:
        fixed = next((i for i, part in enumerate(parts) if has_wildcard(part)), fixed)
    begin = b"/".join(os.fsencode(part) for part in parts[:fixed])
    if fixed == len(parts):
        return [Selected(tree.find(begin, follow=follow), begin)]
    try:
        start = tree.find(begin)
    except NotFound:
        return []
    found = _matching(tree, start, begin, parts[fixed:], check)
    return [
        Selected(tree.find(place, follow=True), place)
        if follow and node.is_link
        else Selected(node, place)
        for node, place in found
    ]


def _clean(path: str) -> list[str]:
    return [part for part in posixpath.normpath("/" + path.lstrip("/")).split("/") if part]


def _matching(
    tree: FileTree, start: Node, begin: bytes, patterns: list[str], check: Callable[[], None]
) -> Iterator[tuple[Node, bytes]]:
    """Yield what matches, depth first by name; iterative, as a pattern may be deep."""
    pending = [(start, begin, 0)]
    while pending:
        node, place, depth = pending.pop()
        check()
        if depth == len(patterns):
            yield node, place
            continue
        if not node.is_directory:
            continue
        pattern = patterns[depth]
        hits = [
            (child, place + b"/" + name if place else name, depth + 1)
            for name, child in _candidates(tree, node, pattern)
        ]
        pending.extend(reversed(hits))


def _candidates(tree: FileTree, directory: Node, pattern: str) -> Iterator[tuple[bytes, Node]]:
    if not has_wildcard(pattern):
        # Go's Match takes the backslash for an escape here, as wildcards are about.
        name = os.fsencode(_unescaped(pattern))
        child = tree.child(directory, name)
        if child is not None:
            yield name, child
        return
    for name, child in tree.children(directory).items():
        if match(pattern, os.fsdecode(name)):
            yield name, child


def _unescaped(pattern: str) -> str:
    result, escaped = [], False
    for character in pattern:
        if character == "\\" and not escaped:
            escaped = True
            continue
        escaped = False
        result.append(character)
    return "".join(result)


# --- --parents ------------------------------------------------------------------------------------


def _with_parents(tree: FileTree, path: str, check: Callable[[], None]) -> list[Selected]:
    path = "/" + path.lstrip("/")
    before, pivot, after = path.partition("/./")
    if not pivot:
        before, after = "", path
    begin = b"/".join(os.fsencode(part) for part in _clean(before))
    start = tree.find(begin)
    patterns = _clean(after)
    if not patterns:
        return [Selected(start, begin)]
    found = sorted(
        _deep(tree, start, patterns, check), key=lambda chain: [node.name for node in chain]
    )
    if not found and not any(map(has_wildcard, patterns)):
        text = "/".join([*_clean(before), *patterns])
        raise NotFound(f"stat {text}: file does not exist")
    prefix = begin + b"/" if begin else b""
    return [
        Selected(chain[-1], prefix + b"/".join(node.name for node in chain), tuple(chain[:-1]))
        for chain in found
    ]


def _deep(
    tree: FileTree, start: Node, patterns: list[str], check: Callable[[], None]
) -> Iterator[list[Node]]:
    """Yield the way to each match, where `**` stands for any number of directories."""
    # Each file is looked at once, with all the places in the pattern that may come next there.
    first = _closure({0}, patterns)
    pending: list[tuple[Node, list[Node], frozenset[int]]] = [(start, [], first)]
    while pending:
        node, chain, places = pending.pop()
        check()
        if not node.is_directory:
            continue
        for name, child in tree.children(node).items():
            text = os.fsdecode(name)
            reached = _closure(
                {
                    place if patterns[place] == "**" else place + 1
                    for place in places
                    if place < len(patterns)
                    and (patterns[place] == "**" or match(patterns[place], text))
                },
                patterns,
            )
            if len(patterns) in reached:
                # A directory that matches is copied with all in it.
                yield [*chain, child]
            elif reached and child.is_directory:
                pending.append((child, [*chain, child], reached))


def _closure(places: set[int], patterns: list[str]) -> frozenset[int]:
    result = set(places)
    for place in range(len(patterns)):
        if place in result and patterns[place] == "**":
            result.add(place + 1)
    return frozenset(result)
