"""A directory as a file tree that is opened when it is first looked at, for many threads.

The nodes stay when it is closed: opened again, what was known of them is known still. That needs a
directory that does not change: layers of an image, a checkout.
"""

from __future__ import annotations

from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING

from baleen.build.files.directory_tree import DirectoryTree, digest_file, read_file
from baleen.build.files.tree import FileTree, Node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from baleen.linux.fd import Fd

__all__ = ["OnDemandTree"]


class OnDemandTree(FileTree):
    """See the module's text.

    Args:
        opener: opens the root.
    """

    def __init__(self, opener: Callable[[], Fd]) -> None:
        self._opener = opener
        self._lock = RLock()
        self._users = 0
        self._fd: Fd | None = None
        self._tree: DirectoryTree | None = None
        self._root: Node | None = None

    @property
    def root(self) -> Node:  # type: ignore[override]  # known when it is opened first
        """The root."""
        with self._lock:
            if self._root is None:
                self._root = self._opened().root
            return self._root

    def _opened(self) -> DirectoryTree:
        if self._tree is None:
            self._fd = self._opener()
            self._tree = DirectoryTree(self._fd)
        return self._tree

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep it open, once it is opened, until the last user is gone."""
        with self._lock:
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    self.close()

    def close(self) -> None:
        """Close the directory; the next call opens it again."""
        with self._lock:
            if self._tree is not None:
                self._tree.close()
                self._tree = None
            if self._fd is not None:
                self._fd.close()
                self._fd = None

    def children(self, directory: Node) -> dict[bytes, Node]:
        """Return what is in the directory by name, sorted by name."""
        with self._lock:
            return self._opened().children(directory)

    def _load(self, directory: Node) -> dict[bytes, Node]:
        return self.children(directory)

    def child(self, directory: Node, name: bytes) -> Node | None:
        """Return one file of a directory, or None."""
        with self._lock:
            return self._opened().child(directory, name)

    def readlink(self, node: Node) -> bytes:
        """Return the target of a symbolic link."""
        with self._lock:
            return self._opened().readlink(node)

    def xattrs(self, node: Node) -> dict[str, bytes]:
        """Return the attributes that go along when it is copied."""
        with self._lock:
            return self._opened().xattrs(node)

    def content_digest(self, node: Node) -> bytes:
        """Return the digest of a regular file's content."""
        with self._lock:
            file = self._opened().opened(node)
        with file:
            return digest_file(file.fileno())

    def chunks(self, node: Node) -> Iterator[bytes]:
        """Return a regular file's content in pieces."""
        with self._lock:
            file = self._opened().opened(node)
        with file:
            yield from read_file(file.fileno())
