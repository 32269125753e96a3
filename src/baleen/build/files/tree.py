"""A file tree to look at, wherever it lies: nodes, their contents, paths through symbolic links.

Links are resolved as a process in the tree would see them: absolute ones from its root, and `..`
never leads out. Nothing here follows a link by the kernel.

Names are bytes (Y03). Where nothing else is said, a tree is used by one thread at a time.
"""

from __future__ import annotations

import stat
from abc import ABC, abstractmethod
from struct import Struct
from typing import TYPE_CHECKING

from baleen.archive.names import shown
from baleen.errors import InvalidArgument, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SEGMENT", "SPARSE", "FileTree", "Node"]

_LINKS_LIMIT = 255

SPARSE = b"sparse\0"
"""What the digest of a sparse file's content begins with."""
SEGMENT = Struct(">QQ")
"""Offset and size of a part that is no hole."""


class Node:
    """One file of a tree.

    Attributes:
        name: in its directory; empty for the root.
        parent: its directory; None for the root.
        mode: with the type, as in st_mode.
        size: bytes of a regular file.
        rdev: of a device.
        inode: the same for all names of a file that has several; else None.
        children: what is in the directory, if it is loaded.
        digest: of all that matters about it, and is in it, if it was asked for; see `digest`.
        data: where the tree finds the content, the target, the attributes.
    """

    __slots__ = (
        "children",
        "data",
        "digest",
        "gid",
        "inode",
        "mode",
        "mtime_ns",
        "name",
        "parent",
        "rdev",
        "size",
        "uid",
    )

    def __init__(
        self,
        name: bytes,
        parent: Node | None,
        mode: int,
        uid: int,
        gid: int,
        size: int,
        mtime_ns: int,
        rdev: int = 0,
        inode: object = None,
        data: object = None,
    ) -> None:
        self.name = name
        self.parent = parent
        self.mode = mode
        self.uid = uid
        self.gid = gid
        self.size = size
        self.mtime_ns = mtime_ns
        self.rdev = rdev
        self.inode = inode
        self.data = data
        self.children: dict[bytes, Node] | None = None
        self.digest: bytes | None = None

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory."""
        return stat.S_ISDIR(self.mode)

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return stat.S_ISREG(self.mode)

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return stat.S_ISLNK(self.mode)

    @property
    def path(self) -> bytes:
        """From the root, without a leading slash; empty for the root."""
        names = []
        node: Node | None = self
        while node is not None and node.parent is not None:
            names.append(node.name)
            node = node.parent
        return b"/".join(reversed(names))

    def __repr__(self) -> str:
        return f"Node({self.path!r}, {stat.filemode(self.mode)})"


class FileTree(ABC):
    """See the module's text. What is asked of a node must be of this tree (or of one pruned of it).

    All calls may block and raise OSError where the tree cannot be read.
    """

    root: Node

    @abstractmethod
    def _load(self, directory: Node) -> dict[bytes, Node]:
        """Return what is in the directory, in any order."""

    @abstractmethod
    def readlink(self, node: Node) -> bytes:
        """Return the target of a symbolic link."""

    @abstractmethod
    def xattrs(self, node: Node) -> dict[str, bytes]:
        """Return the attributes that go along when it is copied: user.* and file capabilities."""

    @abstractmethod
    def content_digest(self, node: Node) -> bytes:
        """Return the sha256 (32 bytes) of a regular file's content.

        Of a sparse file it is that of `SPARSE` and its parts, each behind a `SEGMENT`: a hole of
        any size costs nothing.
        """

    @abstractmethod
    def chunks(self, node: Node) -> Iterator[bytes]:
        """Return a regular file's content in pieces of up to 1 MiB, holes as zeros."""

    def children(self, directory: Node) -> dict[bytes, Node]:
        """Return what is in the directory by name, sorted by name."""
        found = directory.children
        if found is None:
            loaded = self._load(directory)
            found = directory.children = {name: loaded[name] for name in sorted(loaded)}
        return found

    def child(self, directory: Node, name: bytes) -> Node | None:
        """Return one file of a directory, or None."""
        return self.children(directory).get(name)

    def walk(self, top: Node) -> Iterator[Node]:
        """Yield `top` and all below: a directory, then what is in it, sorted by name."""
        pending = [top]
        while pending:
            node = pending.pop()
            yield node
            if stat.S_ISDIR(node.mode):
                pending.extend(reversed(self.children(node).values()))

    def find(self, path: bytes, *, follow: bool = True, start: Node | None = None) -> Node:
        """Return the node at `path`, counted from the root or from the directory `start`.

        Links on the way are resolved; at the end, if `follow`.

        Raises:
            NotFound: `stat PATH: file does not exist`; something on the way is missing.
            InvalidArgument: too many links.
        """
        node = self.root if start is None or path.startswith(b"/") else start
        pending = path.split(b"/")[::-1]
        links = 0
        while pending:
            part = pending.pop()
            if part in (b"", b"."):
                continue
            if not stat.S_ISDIR(node.mode):
                raise _not_found(path)
            if part == b"..":
                node = node.parent or self.root
                continue
            child = self.child(node, part)
            if child is None:
                raise _not_found(path)
            if stat.S_ISLNK(child.mode) and (follow or any(pending)):
                links += 1
                if links > _LINKS_LIMIT:
                    raise InvalidArgument(f"{shown(path)} goes through too many symbolic links")
                target = self.readlink(child)
                if target.startswith(b"/"):
                    node = self.root
                pending.extend(target.split(b"/")[::-1])
                continue
            node = child
        return node


def _not_found(path: bytes) -> NotFound:
    text = path.strip(b"/").decode("utf-8", "backslashreplace")
    return NotFound(f"stat {text}: file does not exist")
