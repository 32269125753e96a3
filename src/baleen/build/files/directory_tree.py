"""A file tree that lies in a directory: a root file system, a checkout.

Everything is reached from the descriptor of its root, one directory at a time, and no symbolic link
is followed, so it may change under us (A05): what is opened is what is below the root. Devices and
FIFOs are never opened.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from baleen.archive.tree import open_below
from baleen.build.files.tree import SEGMENT, SPARSE, FileTree, Node
from baleen.errors import NotFound
from baleen.linux.fd import Fd
from baleen.linux.overlayfs import is_whiteout

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DirectoryTree", "digest_file", "read_file"]

_PIECE = 1 << 20
_OPEN_DIRECTORIES = 16
_CAPABILITY = "security.capability"


class DirectoryTree(FileTree):
    """See the module's text.

    Args:
        root: the directory's descriptor; stays the caller's and must outlive the tree.
    """

    def __init__(self, root: Fd) -> None:
        self._fd = root
        self._open: dict[Node, int] = {}
        self.root = self._node(b"", None, os.fstat(root.fileno()))

    def close(self) -> None:
        """Close the directories that are open."""
        for fd in self._open.values():
            os.close(fd)
        self._open.clear()

    def child(self, directory: Node, name: bytes) -> Node | None:
        """Return one file of a directory, without reading the whole directory."""
        if directory.children is not None:
            return directory.children.get(name)
        if not name or b"/" in name:
            return None
        try:
            info = os.lstat(name, dir_fd=self._directory(directory))
        except OSError as err:
            if err.errno in (errno.ENOENT, errno.ENAMETOOLONG):
                return None
            raise
        return self._node(name, directory, info)

    def _load(self, directory: Node) -> dict[bytes, Node]:
        fd = self._directory(directory)
        found = {}
        for text in os.listdir(fd):
            name = os.fsencode(text)
            with suppress(FileNotFoundError):
                info = os.lstat(name, dir_fd=fd)
                if not is_whiteout(info):
                    found[name] = self._node(name, directory, info)
        return found

    @staticmethod
    def _node(name: bytes, parent: Node | None, info: os.stat_result) -> Node:
        is_file = stat.S_ISREG(info.st_mode)
        return Node(
            name,
            parent,
            info.st_mode,
            info.st_uid,
            info.st_gid,
            info.st_size if is_file else 0,
            info.st_mtime_ns,
            info.st_rdev,
            (info.st_dev, info.st_ino) if is_file and info.st_nlink > 1 else None,
        )

    def _directory(self, directory: Node) -> int:
        """Return the open directory; it stays this tree's."""
        fd = self._open.get(directory)
        if fd is None:
            fd = self._open[directory] = self._opened_below(directory)
            if len(self._open) > _OPEN_DIRECTORIES:
                os.close(self._open.pop(next(iter(self._open))))
        return fd

    def _opened_below(self, directory: Node) -> int:
        """Open a directory from the nearest one above it that is open."""
        names: list[bytes] = []
        above: Node | None = directory
        while above is not None and above.parent is not None and above not in self._open:
            names.append(above.name)
            above = above.parent
        start = self._open.get(above) if above is not None else None
        path = b"/".join(reversed(names))
        if path:
            return open_below(self._fd.fileno() if start is None else start, path)
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._fd.fileno())

    def _place(self, node: Node) -> tuple[int, bytes]:
        if node.parent is None:
            return self._directory(node), b"."
        return self._directory(node.parent), node.name

    def readlink(self, node: Node) -> bytes:
        """Return the target of a symbolic link."""
        parent, name = self._place(node)
        return os.readlink(name, dir_fd=parent)

    @contextmanager
    def _handle(self, node: Node) -> Iterator[int]:
        """Give an O_PATH descriptor of the very file, which is still of its type."""
        parent, name = self._place(node)
        handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            if stat.S_IFMT(os.fstat(handle).st_mode) != stat.S_IFMT(node.mode):
                raise NotFound(f"stat {os.fsdecode(node.path)}: it was replaced while being read")
            yield handle
        finally:
            os.close(handle)

    def xattrs(self, node: Node) -> dict[str, bytes]:
        """Return user.* attributes and the file capabilities."""
        if stat.S_ISLNK(node.mode):
            return {}
        with self._handle(node) as handle:
            path = f"/proc/self/fd/{handle}"
            try:
                names = os.listxattr(path)
            except OSError as err:
                if err.errno == errno.ENOTSUP:
                    return {}
                raise
            return {
                name: os.getxattr(path, name)
                for name in names
                if name == _CAPABILITY
                or (name.startswith("user.") and not name.startswith("user.overlay."))
            }

    def opened(self, node: Node) -> Fd:
        """Return the regular file, open for reading."""
        with self._handle(node) as handle:
            return Fd(os.open(f"/proc/self/fd/{handle}", os.O_RDONLY | os.O_CLOEXEC))

    def chunks(self, node: Node) -> Iterator[bytes]:
        """Return the content in pieces."""
        with self.opened(node) as file:
            yield from read_file(file.fileno())

    def content_digest(self, node: Node) -> bytes:
        """Return the sha256 of the content."""
        with self.opened(node) as file:
            return digest_file(file.fileno())


def read_file(fd: int) -> Iterator[bytes]:
    """Yield what is in an open file from where it stands."""
    while piece := os.read(fd, _PIECE):
        yield piece


def digest_file(fd: int) -> bytes:
    """Return the digest of an open file as `FileTree.content_digest` defines it."""
    info = os.fstat(fd)
    hashed = hashlib.sha256()
    segments = [(0, info.st_size)]
    if info.st_blocks * 512 < info.st_size:
        segments = list(_segments(fd, info.st_size))
    if segments == [(0, info.st_size)]:
        os.lseek(fd, 0, os.SEEK_SET)
        for piece in read_file(fd):
            hashed.update(piece)
        return hashed.digest()
    hashed.update(SPARSE)
    for start, end in segments:
        hashed.update(SEGMENT.pack(start, end - start))
        while start < end and (piece := os.pread(fd, min(_PIECE, end - start), start)):
            hashed.update(piece)
            start += len(piece)
    return hashed.digest()


def _segments(fd: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield the parts of the file that hold data."""
    position = 0
    while position < size:
        try:
            start = os.lseek(fd, position, os.SEEK_DATA)
        except OSError as err:
            if err.errno == errno.ENXIO:
                return
            yield position, size
            return
        position = os.lseek(fd, start, os.SEEK_HOLE)
        yield start, position
