"""Copying what a directory of the image has into the tmpfs that is about to hide it.

By descriptors and without following links: the tree is the image's, and may say anything. Loaded
only for documents with the mount option `tmpcopyup`. See: OCI runtime-spec config.md, Linux mount
options.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["copy_tree"]

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CHUNK: Final = 1 << 20


def copy_tree(source: int, target: int) -> None:
    """Copy all that is in the directory `source`, with its owner, into the empty one `target`.

    Both are descriptors opened for reading. Types, modes, owners, times and extended attributes
    are kept, hard links are not. Raises OSError.
    """
    for name in os.listdir(source):
        found = os.stat(name, dir_fd=source, follow_symlinks=False)
        if stat.S_ISDIR(found.st_mode):
            _copy_directory(source, target, name)
        elif stat.S_ISREG(found.st_mode):
            _copy_file(source, target, name)
        else:
            if stat.S_ISLNK(found.st_mode):
                os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
            else:
                os.mknod(name, found.st_mode, found.st_rdev, dir_fd=target)
            os.chown(name, found.st_uid, found.st_gid, dir_fd=target, follow_symlinks=False)
            times = (found.st_atime_ns, found.st_mtime_ns)
            os.utime(name, ns=times, dir_fd=target, follow_symlinks=False)
    _copy_attributes(source, target)


def _copy_directory(source: int, target: int, name: str) -> None:
    inside = os.open(name, _DIRECTORY, dir_fd=source)
    try:
        os.mkdir(name, 0o700, dir_fd=target)
        copy = os.open(name, _DIRECTORY, dir_fd=target)
        try:
            copy_tree(inside, copy)
        finally:
            os.close(copy)
    finally:
        os.close(inside)


def _copy_file(source: int, target: int, name: str) -> None:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    inside = os.open(name, flags, dir_fd=source)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        copy = os.open(name, flags, 0o600, dir_fd=target)
        try:
            while os.sendfile(copy, inside, None, _CHUNK):
                pass
            _copy_attributes(inside, copy)
        finally:
            os.close(copy)
    finally:
        os.close(inside)


def _copy_attributes(source: int, target: int) -> None:
    """Owner first: a change of owner clears set-user-id bits and file capabilities."""
    found = os.fstat(source)
    os.fchown(target, found.st_uid, found.st_gid)
    os.fchmod(target, stat.S_IMODE(found.st_mode))
    for name in os.listxattr(source):
        if name.startswith("trusted.overlay."):
            continue
        try:
            os.setxattr(target, name, os.getxattr(source, name))
        except OSError as error:
            # A tmpfs has user attributes from Linux 6.6 on only.
            if error.errno != errno.EOPNOTSUPP:
                raise
    with contextlib.suppress(PermissionError):
        os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))
