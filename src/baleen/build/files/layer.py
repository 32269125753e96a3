"""A layer while it is made: what COPY puts over a tree, in memory, and its archive at the end.

Nothing is written to a file system: the tree below is only looked at (are there directories on the
way, where do links lead), and the archive is packed straight from the sources. Whoever needs the
result on disk unpacks the blob, as that of a pulled layer; a last `COPY . /app` costs not a single
file. (ext4 takes 100 to 500 us for a new file while others are being removed.)

A path is walked as a process in the tree would: links count from its root, also one that leads to
what does not exist yet, and `..` never leads out.

A `Layer` is a file tree itself, as seen with what is below it.

See: OCI image-spec layer.md, "Whiteouts", "Opaque Whiteout".
"""

from __future__ import annotations

import os
import stat
import time
from typing import TYPE_CHECKING

from baleen.archive.names import NAME_LIMIT, WHITEOUT_PREFIX, shown
from baleen.build.files.tree import FileTree, Node
from baleen.errors import InvalidArgument, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["WHITEOUT", "Layer", "Upper"]

_LINKS_LIMIT = 255
_NAME_MAX = 255
_TIME_LIMIT_NS = 1 << 62
WHITEOUT = 0
"""Mode of a node that hides what is below."""


class Upper(Node):
    """A node of a layer.

    Attributes:
        below: the directory of the tree below that is seen through this one; None: none is.
        is_part: whether it is in the archive, or only a look at what is below.
        is_opaque: it hides what the tree below has there.
        tree, source: where its content, target and attributes are; None: it has none, or content
            or target are bytes in `data`.
    """

    __slots__ = ("below", "is_opaque", "is_part", "source", "tree")

    def __init__(
        self,
        name: bytes,
        parent: Node | None,
        mode: int,
        uid: int,
        gid: int,
        size: int,
        mtime_ns: int,
        rdev: int,
        tree: FileTree | None,
        source: Node | None,
    ) -> None:
        super().__init__(name, parent, mode, uid, gid, size, mtime_ns, rdev)
        self.tree = tree
        self.source = source
        self.below: Node | None = None
        self.is_part = False
        self.is_opaque = False


class Layer(FileTree):
    """See the module's text.

    Args:
        below: the tree that it is put on; the caller's. None: an empty one.
        epoch_ns: no file is younger than that (SOURCE_DATE_EPOCH); None: no bound.
    """

    root: Upper

    def __init__(self, below: FileTree | None, *, epoch_ns: int | None = None) -> None:
        self._below = below
        self._epoch_ns = epoch_ns
        self.now_ns = self.clamped(time.time_ns())
        if below is None:
            mode = stat.S_IFDIR | 0o755
            self.root = Upper(b"", None, mode, 0, 0, 0, self.now_ns, 0, None, None)
        else:
            self.root = self._seen(b"", None, below.root)
        self.root.children = {}
        self.root.is_part = True

    # -- as a tree

    def _seen(self, name: bytes, parent: Node | None, below: Node) -> Upper:
        """Return the node that stands for one of the tree below."""
        node = Upper(
            name,
            parent,
            below.mode,
            below.uid,
            below.gid,
            below.size,
            below.mtime_ns,
            below.rdev,
            self._below,
            below,
        )
        if stat.S_ISDIR(below.mode):
            node.below = below
            node.children = {}
        return node

    def child(self, directory: Node, name: bytes) -> Upper | None:
        """Return one file of a directory, of this layer or below, or None."""
        assert isinstance(directory, Upper)  # of this tree
        assert directory.children is not None  # set when made
        found = directory.children.get(name)
        if found is not None:
            assert isinstance(found, Upper)  # of this tree
            return None if found.mode == WHITEOUT else found
        if directory.below is None or self._below is None:
            return None
        below = self._below.child(directory.below, name)
        if below is None:
            return None
        node = directory.children[name] = self._seen(name, directory, below)
        return node

    def children(self, directory: Node) -> dict[bytes, Node]:
        """Return what is in the directory, sorted by name."""
        assert isinstance(directory, Upper)  # of this tree
        own = directory.children or {}
        names = set(own)
        if directory.below is not None and self._below is not None:
            names |= self._below.children(directory.below).keys()
        found: dict[bytes, Node] = {}
        for name in sorted(names):
            child = self.child(directory, name)
            if child is not None:
                found[name] = child
        return found

    def _load(self, directory: Node) -> dict[bytes, Node]:
        return self.children(directory)

    def readlink(self, node: Node) -> bytes:
        """Return the target of a symbolic link."""
        if isinstance(node.data, bytes):
            return node.data
        tree, source = self._origin(node)
        return tree.readlink(source)

    def xattrs(self, node: Node) -> dict[str, bytes]:
        """Return the attributes that the archive gives the file."""
        assert isinstance(node, Upper)  # of this tree
        if node.tree is None or node.source is None:
            return {}
        return node.tree.xattrs(node.source)

    def content_digest(self, node: Node) -> bytes:
        """Return the digest of a regular file's content."""
        tree, source = self._origin(node)
        return tree.content_digest(source)

    def chunks(self, node: Node) -> Iterator[bytes]:
        """Return a regular file's content in pieces."""
        if isinstance(node.data, bytes):
            return iter((node.data,))
        tree, source = self._origin(node)
        return tree.chunks(source)

    @staticmethod
    def _origin(node: Node) -> tuple[FileTree, Node]:
        assert isinstance(node, Upper)  # of this tree
        if node.tree is None or node.source is None:
            raise ValueError(f"the content of /{os.fsdecode(node.path)} is not here")
        return node.tree, node.source

    # -- places

    def place(
        self,
        path: str | bytes,
        *,
        owner: tuple[int, int] = (0, 0),
        mode: int = 0o755,
        time_ns: int | None = None,
    ) -> tuple[Upper, bytes, Upper | None]:
        """Return the directory and the name that `path` leads to, and what is there: no link.

        Directories on the way are made as the arguments say. The root is its own directory, with
        an empty name.

        Raises:
            InvalidArgument: something on the way is no directory, a bad path, too many links.
        """
        encoded = os.fsencode(path)
        if len(encoded) > NAME_LIMIT or b"\0" in encoded:
            raise InvalidArgument(f"invalid path {shown(encoded)}")
        directory, name = self.root, b""
        node: Upper | None = self.root
        pending = [part for part in encoded.split(b"/") if part][::-1]
        links = 0
        while pending:
            part = pending.pop()
            if part == b".":
                continue
            if node is None:
                node = self.make_directory(directory, name, owner, mode, time_ns)
            elif not stat.S_ISDIR(node.mode):
                raise InvalidArgument(f"not a directory: /{os.fsdecode(node.path)}")
            if part == b"..":
                node = self._above(node)
                directory, name = self._above(node), node.name
                continue
            if len(part) > _NAME_MAX:
                raise InvalidArgument(f"the name {shown(part)} is too long")
            directory, name = node, part
            node = self.child(directory, name)
            if node is not None and stat.S_ISLNK(node.mode):
                links += 1
                if links > _LINKS_LIMIT:
                    raise InvalidArgument(f"{shown(encoded)} goes through too many symbolic links")
                target = self.readlink(node)
                node = self.root if target.startswith(b"/") else directory
                directory, name = self._above(node), node.name
                pending.extend(step for step in target.split(b"/")[::-1] if step)
        return directory, name, node

    @staticmethod
    def _above(node: Upper) -> Upper:
        above = node.parent or node
        assert isinstance(above, Upper)  # of this tree
        return above

    def directory(
        self,
        path: str | bytes,
        *,
        owner: tuple[int, int] = (0, 0),
        mode: int = 0o755,
        time_ns: int | None = None,
    ) -> Upper:
        """Return the directory at `path`, made with what is missing above it.

        Raises:
            InvalidArgument: there is something else.
        """
        above, name, node = self.place(path, owner=owner, mode=mode, time_ns=time_ns)
        if node is None:
            return self.make_directory(above, name, owner, mode, time_ns)
        if not stat.S_ISDIR(node.mode):
            raise InvalidArgument(f"not a directory: /{os.fsdecode(node.path)}")
        return node

    # -- changes

    def make_directory(
        self,
        parent: Upper,
        name: bytes,
        owner: tuple[int, int],
        mode: int,
        time_ns: int | None = None,
        tree: FileTree | None = None,
        source: Node | None = None,
    ) -> Upper:
        """Make a directory where none is; what is in its place goes. Its time: now."""
        time_ns = self.now_ns if time_ns is None else self.clamped(time_ns)
        node = Upper(name, parent, stat.S_IFDIR | mode, *owner, 0, time_ns, 0, tree, source)
        node.children = {}
        node.is_opaque = self._is_below(parent, name)
        self._attach(parent, node)
        return node

    def _is_below(self, parent: Upper, name: bytes) -> bool:
        return (
            parent.below is not None
            and self._below is not None
            and self._below.child(parent.below, name) is not None
        )

    def describe(self, node: Upper, source: Upper) -> None:
        """Give a directory that exists the owner, mode, time and attributes of `source`."""
        node.mode, node.uid, node.gid = source.mode, source.uid, source.gid
        node.tree, node.source = source.tree, source.source
        self._touch(node)
        node.mtime_ns = source.mtime_ns

    def put(self, parent: Upper, node: Upper) -> None:
        """Put a file into a directory; what is in its place goes, a directory with all in it."""
        if len(node.name) > _NAME_MAX:
            raise InvalidArgument(f"the name {shown(node.name)} is too long")
        self._attach(parent, node)

    def write(
        self, parent: Upper, name: bytes, content: bytes, owner: tuple[int, int], mode: int
    ) -> Upper:
        """Put a file with that content into a directory."""
        node = Upper(
            name, parent, stat.S_IFREG | mode, *owner, len(content), self.now_ns, 0, None, None
        )
        node.data = content
        self.put(parent, node)
        return node

    def hide_below(self, directory: Upper) -> None:
        """Let nothing of the tree below be seen in a directory: it is opaque."""
        directory.below = None
        directory.is_opaque = True
        children = directory.children or {}
        directory.children = {
            name: child
            for name, child in children.items()
            if isinstance(child, Upper) and child.is_part and child.mode != WHITEOUT
        }

    def remove(self, path: str | bytes) -> None:
        """Remove what is at `path`, a link itself and not what it leads to; absent is fine."""
        head, _, name = os.fsencode(path).rstrip(b"/").rpartition(b"/")
        if name in (b"", b".", b".."):
            raise InvalidArgument(f"cannot remove {path!r}: it names no file")
        above = self.root
        if head:
            try:
                found = self.find(head)
            except NotFound:
                return
            if not stat.S_ISDIR(found.mode):
                return
            assert isinstance(found, Upper)  # of this tree
            above = found
        if self.child(above, name) is None:
            return
        assert above.children is not None  # set when made
        if self._is_below(above, name):
            mark = Upper(name, above, WHITEOUT, 0, 0, 0, self.now_ns, 0, None, None)
            self._attach(above, mark)
        else:
            del above.children[name]
            self._touch(above)

    def _attach(self, parent: Upper, node: Upper) -> None:
        if node.name.startswith(WHITEOUT_PREFIX):
            raise InvalidArgument(
                f"cannot copy {shown(node.name)}: in a layer names that begin with .wh. mean "
                "removed files"
            )
        assert parent.children is not None  # set when made
        parent.children[node.name] = node
        node.is_part = True
        if not parent.is_part:
            self._touch(parent)

    def _touch(self, directory: Upper) -> None:
        """Have the directory in the archive, and those above it; they have changed now."""
        node: Node | None = directory
        while node is not None:
            assert isinstance(node, Upper)  # of this tree
            if node.is_part:
                return
            node.is_part = True
            node.mtime_ns = self.now_ns
            node = node.parent

    def clamped(self, time_ns: int) -> int:
        """Return a time that the build may leave and a file system can hold."""
        if self._epoch_ns is not None and time_ns > self._epoch_ns:
            return self._epoch_ns
        return max(-_TIME_LIMIT_NS, min(time_ns, _TIME_LIMIT_NS))
