"""A tree without what patterns leave out: `.dockerignore`, `--exclude`.

A directory that is left out is there all the same if an exception (`!a/b`) brings back something
in it. Files are shared with the whole tree, and so are their digests.
"""

from __future__ import annotations

import os
import stat
from threading import Lock
from typing import TYPE_CHECKING

from baleen.build.files.tree import FileTree, Node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from baleen.api.ignore import Ignore, State

__all__ = ["PrunedTree"]


class _Origin:
    __slots__ = ("node", "state")

    def __init__(self, node: Node, state: State) -> None:
        self.node = node
        self.state = state


class PrunedTree(FileTree):
    """What is left below a directory of a tree, which is the root of this one.

    May be used by many threads if the tree may. Directories are this tree's own, with paths from
    `top`; files are the very nodes of the whole.

    Args:
        tree: the whole; stays the caller's.
        ignore: what is left out.
        top: its root; None: that of the tree.
        prefix: what comes before a path when it is compared: `a/b/`.
        state: of `top`, as `Ignore.step` gives it.
    """

    def __init__(
        self,
        tree: FileTree,
        ignore: Ignore,
        top: Node | None = None,
        *,
        prefix: str = "",
        state: State = (),
    ) -> None:
        self._tree = tree
        self._ignore = ignore
        self._prefix = prefix
        self._lock = Lock()
        # Directories that are left out themselves but hold something that is not.
        self._wanted: set[Node] = set()
        self._searched: set[Node] = set()
        self.root = self._clone(top or tree.root, None, state)

    @staticmethod
    def _clone(node: Node, parent: Node | None, state: State) -> Node:
        return Node(
            node.name if parent else b"",
            parent,
            node.mode,
            node.uid,
            node.gid,
            0,
            node.mtime_ns,
            data=_Origin(node, state),
        )

    @staticmethod
    def _original(node: Node) -> Node:
        return node.data.node if isinstance(node.data, _Origin) else node

    def _load(self, directory: Node) -> dict[bytes, Node]:
        origin = directory.data
        assert isinstance(origin, _Origin)  # directories are clones
        found = {}
        path = os.fsdecode(directory.path)
        prefix = f"{self._prefix}{path}/" if path else self._prefix
        for name, child in self._tree.children(origin.node).items():
            place = prefix + os.fsdecode(name)
            excluded, state = self._ignore.step(place, origin.state)
            if not stat.S_ISDIR(child.mode):
                if not excluded:
                    found[name] = child
            elif not excluded or self._holds_wanted(child, place, state):
                found[name] = self._clone(child, directory, state)
        return found

    def _holds_wanted(self, directory: Node, place: str, state: State) -> bool:
        """Whether a directory that is left out has to be there for something in it."""
        if not self._ignore.may_hold_exception(place):
            return False
        with self._lock:
            if directory not in self._searched:
                self._search(directory, place, state)
            return directory in self._wanted

    def _search(self, top: Node, place: str, state: State) -> None:
        """Look at all below once; what holds something wanted, and all above that, is noted."""
        pending = [(top, place, state)]
        while pending:
            node, path, known = pending.pop()
            self._searched.add(node)
            for name, child in self._tree.children(node).items():
                below = f"{path}/{os.fsdecode(name)}"
                excluded, deeper = self._ignore.step(below, known)
                if not excluded:
                    above: Node | None = node
                    while above is not None and above not in self._wanted:
                        self._wanted.add(above)
                        above = above.parent if above is not top else None
                elif stat.S_ISDIR(child.mode) and self._ignore.may_hold_exception(below):
                    pending.append((child, below, deeper))

    def readlink(self, node: Node) -> bytes:
        """Return the target of a symbolic link."""
        return self._tree.readlink(node)

    def xattrs(self, node: Node) -> dict[str, bytes]:
        """Return the attributes that go along when it is copied."""
        return self._tree.xattrs(self._original(node))

    def content_digest(self, node: Node) -> bytes:
        """Return the digest of a regular file's content."""
        return self._tree.content_digest(node)

    def chunks(self, node: Node) -> Iterator[bytes]:
        """Return a regular file's content in pieces."""
        return self._tree.chunks(node)
