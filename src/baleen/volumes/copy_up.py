"""Filling a fresh volume with what the image has at its place.

Both trees are walked by descriptor: a name is opened relative to its held parent and symbolic
links are copied, never followed, so nothing outside of the two trees is read or written. FIFOs,
sockets and devices are made anew, not opened.

See: `docker volume create`, populating a volume; copy_file_range(2), openat(2).
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import TYPE_CHECKING, Final

from baleen.linux.fd import Fd

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["copy_directory", "is_empty"]

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CHUNK: Final = 1 << 20
_NO_XATTRS: Final = frozenset({errno.ENOTSUP, errno.ENOSYS, errno.EPERM, errno.ENODATA})


def is_empty(directory: Fd) -> bool:
    """Whether a readable directory has no entry."""
    with os.scandir(directory.fileno()) as entries:
        return next(entries, None) is None


def copy_directory(source: Fd, target: Fd) -> None:
    """Copy everything below `source` into the empty directory `target`, and its own attributes.

    Owner, mode, times, extended attributes and hard links within the tree are kept. Blocks; a
    failure leaves a part, which the caller throws away.

    Raises:
        OSError: with the name that could not be read or written.
    """
    _copy_entries(source, target, {}, target)
    _copy_attributes(source.fileno(), target.fileno(), os.fstat(source.fileno()))


# A file with several names: where its first copy lies, as path below the whole target.
_Links = dict[tuple[int, int], str]


def _copy_entries(source: Fd, target: Fd, links: _Links, top: Fd, path: str = "") -> None:
    for name in sorted(os.listdir(source.fileno())):  # noqa: PTH208  # a descriptor
        status = os.stat(name, dir_fd=source.fileno(), follow_symlinks=False)
        where = f"{path}{name}"
        key = (status.st_dev, status.st_ino)
        if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
            if key in links:
                os.link(
                    links[key],
                    name,
                    src_dir_fd=top.fileno(),
                    dst_dir_fd=target.fileno(),
                    follow_symlinks=False,
                )
                continue
            links[key] = where
        if stat.S_ISDIR(status.st_mode):
            _copy_subdirectory(source, target, name, links, top, where)
        elif stat.S_ISREG(status.st_mode):
            _copy_file(source, target, name)
        else:
            _copy_special(source, target, name, status)


def _copy_subdirectory(
    source: Fd, target: Fd, name: str, links: _Links, top: Fd, where: str
) -> None:
    os.mkdir(name, 0o700, dir_fd=target.fileno())
    with (
        Fd(os.open(name, _DIRECTORY, dir_fd=source.fileno())) as inner_source,
        Fd(os.open(name, _DIRECTORY, dir_fd=target.fileno())) as inner_target,
    ):
        _copy_entries(inner_source, inner_target, links, top, f"{where}/")
        status = os.fstat(inner_source.fileno())
        _copy_attributes(inner_source.fileno(), inner_target.fileno(), status)


def _copy_file(source: Fd, target: Fd, name: str) -> None:
    flags = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    with (
        Fd(os.open(name, os.O_RDONLY | flags, dir_fd=source.fileno())) as reading,
        Fd(
            os.open(
                name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | flags, 0o600, dir_fd=target.fileno()
            )
        ) as writing,
    ):
        status = os.fstat(reading.fileno())
        for chunk in _content(reading.fileno(), writing.fileno(), status.st_size):
            view = memoryview(chunk)
            while view:
                view = view[os.write(writing.fileno(), view) :]
        _copy_attributes(reading.fileno(), writing.fileno(), status)


def _content(reading: int, writing: int, size: int) -> Iterator[bytes]:
    """Copy inside the kernel where the file systems can, and yield what is left to write."""
    left = size
    with contextlib.suppress(OSError):
        while left > 0 and (moved := os.copy_file_range(reading, writing, left)):
            left -= moved
    while chunk := os.read(reading, _CHUNK):
        yield chunk


def _copy_special(source: Fd, target: Fd, name: str, status: os.stat_result) -> None:
    directory = target.fileno()
    if stat.S_ISLNK(status.st_mode):
        os.symlink(os.readlink(name, dir_fd=source.fileno()), name, dir_fd=directory)
    else:
        os.mknod(name, status.st_mode, status.st_rdev, dir_fd=directory)
    os.chown(name, status.st_uid, status.st_gid, dir_fd=directory, follow_symlinks=False)
    if not stat.S_ISLNK(status.st_mode):
        os.chmod(name, stat.S_IMODE(status.st_mode), dir_fd=directory)
    os.utime(
        name,
        ns=(status.st_atime_ns, status.st_mtime_ns),
        dir_fd=directory,
        follow_symlinks=False,
    )


def _copy_attributes(reading: int, writing: int, status: os.stat_result) -> None:
    """Copy owner, extended attributes, mode and times, in the order in which they survive."""
    os.fchown(writing, status.st_uid, status.st_gid)
    try:
        names = os.listxattr(reading)
    except OSError as err:
        if err.errno not in _NO_XATTRS:
            raise
        names = []
    for name in names:
        if name.startswith("trusted.overlay."):
            continue
        try:
            os.setxattr(writing, name, os.getxattr(reading, name))
        except OSError as err:
            if err.errno not in _NO_XATTRS:
                raise
    os.fchmod(writing, stat.S_IMODE(status.st_mode))
    os.utime(writing, ns=(status.st_atime_ns, status.st_mtime_ns))
