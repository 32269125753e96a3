"""Nodes of one tree copied into another: COPY, and ADD of what is no archive.

- The contents of a directory go into the destination, which is made if it is missing; a directory
  that is there already keeps its owner and mode, those below it get what the source has.
- A file goes into a destination that is a directory, or takes its place.
- Links are copied as they are; names of one file stay names of one file; holes stay holes.
- A file replaces a file or link. It never replaces a directory, nor a directory a file.

Nothing in the tree that is worked on is followed out of it, and nothing of the source is opened
that is no regular file. See: BuildKit, fsutil/copy.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from baleen.archive.tree import open_below
from baleen.errors import InvalidArgument
from baleen.linux.user_namespace import in_first_user_namespace

if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.build.files.placing import Place, Places
    from baleen.build.files.tree import FileTree, Node

__all__ = ["Copier"]

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_ROOT = (0, 0)
_UNSUPPORTED = frozenset({errno.ENOTSUP, errno.EPERM})


class Copier:
    """Copies with one owner and mode; see the module's text.

    Args:
        places: the tree that is worked on.
        tree: where the nodes are from.
        owner: uid and gid of all that is copied; None: as it is.
        mode: the new permission bits for an st_mode; None: as they are.
        check: called now and then; it raises when the copying shall end.
    """

    def __init__(
        self,
        places: Places,
        tree: FileTree,
        *,
        owner: tuple[int, int] | None,
        mode: Callable[[int], int] | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._places = places
        self._tree = tree
        self._owner = owner
        self._mode = mode
        self._check = check
        # Where the first name of a file with several was put.
        self._linked: dict[object, bytes] = {}

    def copy(self, node: Node, place: Place) -> None:
        """Copy a file to `place`, or a directory and all in it.

        The directory of the place must exist, and the place be no directory if the node is none.

        Raises:
            InvalidArgument: a directory is in the way of a file, or the reverse; NotFound, OSError:
                the source changed or cannot be read.
        """
        directory = self._places.open(place.directory)
        try:
            if not node.is_directory:
                self._leaf(node, directory, place.name, place.directory, _is_setgid(directory))
                return
            if place.name:
                self._directory_only(node, directory, place.name, place.path, overwrite=False)
        finally:
            os.close(directory)
        self.contents(node, place.path)

    def directory_only(self, node: Node, place: Place) -> None:
        """Make a directory as the node is, without what is in it; nothing where there is one."""
        directory = self._places.open(place.directory)
        try:
            self._directory_only(node, directory, place.name, place.path, overwrite=False)
        finally:
            os.close(directory)

    def contents(self, top: Node, path: bytes) -> None:
        """Copy what is in a directory into the one at the real path `path`."""
        pending = [(top, path)]
        while pending:
            node, real = pending.pop()
            self._check()
            children = self._tree.children(node)
            if not children:
                continue
            directory = self._places.open(real)
            try:
                setgid = _is_setgid(directory)
                deeper = []
                for name, child in children.items():
                    if stat.S_ISDIR(child.mode):
                        below = real + b"/" + name if real else name
                        self._directory_only(child, directory, name, below, overwrite=True)
                        deeper.append((child, below))
                    else:
                        self._leaf(child, directory, name, real, setgid)
            finally:
                os.close(directory)
            pending.extend(reversed(deeper))

    # -- one file

    def _directory_only(
        self, node: Node, parent: int, name: bytes, path: bytes, *, overwrite: bool
    ) -> None:
        try:
            os.mkdir(name, 0o700, dir_fd=parent)
        except FileExistsError:
            if not stat.S_ISDIR(os.lstat(name, dir_fd=parent).st_mode):
                raise InvalidArgument(
                    f"cannot copy to non-directory: /{os.fsdecode(path)}"
                ) from None
            if not overwrite:
                return
        fd = open_below(parent, name)
        try:
            os.fchown(fd, *(self._owner or (node.uid, node.gid)))
            os.fchmod(fd, self._bits(node))
            for key, value in self._tree.xattrs(node).items():
                _set_xattr(fd, key, value)
        finally:
            os.close(fd)
        self._places.set_time(path, node.mtime_ns)

    def _bits(self, node: Node) -> int:
        return self._mode(node.mode) if self._mode else stat.S_IMODE(node.mode)

    def _leaf(self, node: Node, parent: int, name: bytes, above: bytes, setgid: bool) -> None:
        kind = stat.S_IFMT(node.mode)
        if node.inode is not None and self._link(node, parent, name, above):
            return
        if kind == stat.S_IFREG:
            self._file(node, parent, name, above, setgid)
            return
        if kind == stat.S_IFSOCK or not self._can_be_made(node):
            return
        self._clear(parent, name, above)
        if kind == stat.S_IFLNK:
            os.symlink(self._tree.readlink(node), name, dir_fd=parent)
        elif kind == stat.S_IFIFO:
            os.mkfifo(name, 0o600, dir_fd=parent)
        else:
            os.mknod(name, kind | 0o600, node.rdev, dir_fd=parent)
        uid, gid = self._owner or (node.uid, node.gid)
        os.chown(name, uid, gid, dir_fd=parent, follow_symlinks=False)
        if kind != stat.S_IFLNK:
            handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
            try:
                os.chmod(f"/proc/self/fd/{handle}", self._bits(node))
            finally:
                os.close(handle)
        time_ns = self._places.clamped(node.mtime_ns)
        os.utime(name, ns=(time_ns, time_ns), dir_fd=parent, follow_symlinks=False)

    @staticmethod
    def _can_be_made(node: Node) -> bool:
        if not (stat.S_ISCHR(node.mode) or stat.S_ISBLK(node.mode)):
            return True
        if stat.S_ISCHR(node.mode) and node.rdev == 0:
            raise InvalidArgument(
                f"cannot copy /{os.fsdecode(node.path)}: the character device 0:0 means a removed "
                "file in an overlay"
            )
        # As with Docker in a user namespace: no devices.
        return in_first_user_namespace()

    def _file(self, node: Node, parent: int, name: bytes, above: bytes, setgid: bool) -> None:
        mode = node.mode
        bits = self._mode(mode) if self._mode else mode & 0o7777
        try:
            fd = os.open(name, _CREATE, bits & 0o700, dir_fd=parent)
        except FileExistsError:
            self._clear(parent, name, above)
            fd = os.open(name, _CREATE, bits & 0o700, dir_fd=parent)
        try:
            self._tree.write_to(node, fd)
            owner = self._owner or (node.uid, node.gid)
            # What is made is root's, unless the directory gives its group. The order matters:
            # chown drops setuid bits and file capabilities.
            if setgid or owner != _ROOT:
                os.fchown(fd, *owner)
            os.fchmod(fd, bits)
            for key, value in self._tree.xattrs(node).items():
                _set_xattr(fd, key, value)
            time_ns = self._places.clamped(node.mtime_ns)
            os.utime(fd, ns=(time_ns, time_ns))
        finally:
            os.close(fd)

    def _clear(self, parent: int, name: bytes, above: bytes) -> None:
        self._places.clear(parent, name, above + b"/" + name if above else name)

    def _link(self, node: Node, parent: int, name: bytes, above: bytes) -> bool:
        """Make one more name for a file that was copied; false for its first one."""
        path = above + b"/" + name if above else name
        first = self._linked.get(node.inode)
        if first is None:
            self._linked[node.inode] = path
            return False
        self._clear(parent, name, above)
        head, _, tail = first.rpartition(b"/")
        source = self._places.open(head)
        try:
            os.link(tail, name, src_dir_fd=source, dst_dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:  # something else took its place
            self._linked[node.inode] = path
            return False
        finally:
            os.close(source)
        return True


def _is_setgid(directory: int) -> bool:
    return bool(os.fstat(directory).st_mode & stat.S_ISGID)


def _set_xattr(fd: int, key: str, value: bytes) -> None:
    try:
        os.setxattr(fd, key, value)
    except OSError as err:
        # As Docker: what this file system has no room for is left.
        if err.errno not in _UNSUPPORTED:
            raise

