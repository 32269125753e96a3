"""A directory tree a second time: for stores that can not stack directories.

The kernel copies the data, and shares the blocks where the file system can (btrfs, xfs). Holes stay
holes, hard links within the tree stay links. Sockets are left out, as in archives.

See: copy_file_range(2).
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from baleen.archive import files
from baleen.archive.below import describe_directory, describe_file
from baleen.archive.entry import EntryType
from baleen.archive.tree import open_below

if TYPE_CHECKING:
    from collections.abc import Callable

    Ids = Callable[[int, int], tuple[int, int]]

__all__ = ["clone_tree"]

_PIECE = 1 << 30
_NO_COPY = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def clone_tree(source: int, target: int, owners: Ids | None = None) -> None:
    """Copy all below the open directory `source`, and what it is itself, into the empty `target`.

    `owners` gives uid and gid for those of `source`. The tree must not change meanwhile. An error
    leaves a part copied (OSError).
    """
    linked: dict[tuple[int, int], bytes] = {}
    pending, done = [b""], []
    while pending:
        path = pending.pop()
        done.append(path)
        below = _clone_directory(source, target, path, linked, owners)
        pending += [path + b"/" + name if path else name for name in below]
    # From the bottom up: what is put into a directory changes its time.
    for path in reversed(done):
        here, there = open_below(source, path), -1
        try:
            there = open_below(target, path)
            entry = describe_directory(here)
            if owners is not None:
                entry.uid, entry.gid = owners(entry.uid, entry.gid)
            files.set_directory(there, entry)
            info = os.fstat(here)
            os.utime(there, ns=(info.st_mtime_ns, info.st_mtime_ns))
        finally:
            _close(here, there)


def _clone_directory(
    source: int,
    target: int,
    path: bytes,
    linked: dict[tuple[int, int], bytes],
    owners: Ids | None,
) -> list[bytes]:
    """Copy what is in one directory; return the names of those in it, which are made empty."""
    directories = []
    here, there = open_below(source, path), -1
    try:
        there = open_below(target, path)
        for name in map(os.fsencode, os.listdir(here)):
            info = os.lstat(name, dir_fd=here)
            if stat.S_ISDIR(info.st_mode):
                os.mkdir(name, 0o700, dir_fd=there)
                directories.append(name)
                continue
            if stat.S_ISSOCK(info.st_mode):
                continue
            if info.st_nlink > 1:
                own = path + b"/" + name if path else name
                first = linked.setdefault((info.st_dev, info.st_ino), own)
                if first != own:
                    _link(target, first, there, name)
                    continue
            _clone_file(here, there, name, info, owners)
    finally:
        _close(here, there)
    return directories


def _link(target: int, first: bytes, there: int, name: bytes) -> None:
    head, _, tail = first.rpartition(b"/")
    parent = open_below(target, head)
    try:
        os.link(tail, name, src_dir_fd=parent, dst_dir_fd=there, follow_symlinks=False)
    finally:
        os.close(parent)


def _clone_file(
    here: int, there: int, name: bytes, info: os.stat_result, owners: Ids | None
) -> None:
    handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
    try:
        entry = describe_file(handle, name, info)
        if owners is not None:
            entry.uid, entry.gid = owners(entry.uid, entry.gid)
        if entry.type is not EntryType.FILE:
            if entry.type is EntryType.SYMLINK:
                entry.linkname = os.readlink(name, dir_fd=here)
            if files.can_be_made(entry):
                files.create(there, name, entry, ())
            return
        data, made = os.open(f"/proc/self/fd/{handle}", os.O_RDONLY | os.O_CLOEXEC), -1
        try:
            made = os.open(name, _CREATE, 0o600, dir_fd=there)
            _copy(data, made, info.st_size)
            files.finish_file(made, entry)
        finally:
            _close(data, made)
    finally:
        os.close(handle)


def _copy(source: int, target: int, size: int) -> None:
    position = 0
    while position < size:
        try:
            start = os.lseek(source, position, os.SEEK_DATA)
        except OSError as err:
            if err.errno != errno.ENXIO:
                raise
            break  # a hole to the end
        position = os.lseek(source, start, os.SEEK_HOLE)
        _copy_data(source, target, start, position)
    os.ftruncate(target, size)


def _copy_data(source: int, target: int, start: int, end: int) -> None:
    while start < end:
        wanted = min(end - start, _PIECE)
        try:
            count = os.copy_file_range(source, target, wanted, start, start)
        except OSError as err:
            if err.errno not in _NO_COPY:
                raise
            piece = os.pread(source, min(wanted, 1 << 20), start)
            count = os.pwrite(target, piece, start)
        if not count:
            return
        start += count


def _close(*fds: int) -> None:
    for fd in fds:
        if fd >= 0:
            os.close(fd)
