"""Putting one entry of an archive into an open directory, with all that is known about it.

Everything is relative to a directory descriptor, and a name here is a single component. New
files are created exclusively and never opened if they are something else than a regular file.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from baleen.archive.entry import Entry, EntryType
from baleen.archive.names import shown
from baleen.errors import BaleenError, InvalidArgument, PermissionDenied, ResourceExhausted
from baleen.linux.user_namespace import has_one_id, in_first_user_namespace, is_mapped

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["can_be_made", "create", "failure", "read_xattrs", "set_directory", "set_xattrs"]

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# Overlay's own attributes would let an archive hide or redirect what is below it.
_FORBIDDEN_XATTRS = ("trusted.overlay.", "user.overlay.")
_UNSUPPORTED = frozenset({errno.ENOTSUP, errno.EPERM})


def failure(err: OSError, name: bytes, doing: str) -> BaleenError:
    """Return our error for what the kernel said about the entry `name` while `doing` something."""
    message = f"cannot {doing} {shown(name)}: {os.strerror(err.errno or 0).lower()}"
    if err.errno in _FULL:
        return ResourceExhausted(
            f"no space left on device: {message}", hint="remove unused images or enlarge the disk"
        )
    if err.errno in (errno.EMFILE, errno.ENFILE):
        return ResourceExhausted(message)
    if err.errno in (errno.EROFS, errno.EACCES):
        return PermissionDenied(message)
    return InvalidArgument(message)


def can_be_made(entry: Entry) -> bool:
    """Whether `create` can: in a user namespace there are no device nodes, as with Docker there.

    A device 0:0 is left for `create` to refuse.
    """
    is_device = entry.type in (EntryType.CHAR, EntryType.BLOCK)
    return not is_device or not entry.major | entry.minor or in_first_user_namespace()


def create(parent: int, name: bytes, entry: Entry, data: Iterable[memoryview | bytes]) -> None:
    """Make the file of `entry`, which is neither directory nor hard link, as `name` in `parent`.

    `name` must not exist. A character device 0:0 is refused: overlay takes it for a whiteout.

    Raises:
        OSError: from the kernel; `failure` turns it into a message.
        InvalidArgument: the entry can not be made.
    """
    if entry.type is EntryType.FILE:
        _create_file(parent, name, entry, data)
        return
    if entry.type is EntryType.SYMLINK:
        if not entry.linkname or b"\0" in entry.linkname:
            raise InvalidArgument(f"archive entry {shown(entry.name)} has a bad link target")
        os.symlink(entry.linkname, name, dir_fd=parent)
    else:
        _create_node(parent, name, entry)
    _chown(name, entry, parent)
    if entry.xattrs or entry.type is not EntryType.SYMLINK:
        _finish_special(parent, name, entry)
    os.utime(name, ns=(entry.mtime_ns, entry.mtime_ns), dir_fd=parent, follow_symlinks=False)


def _create_file(
    parent: int, name: bytes, entry: Entry, data: Iterable[memoryview | bytes]
) -> None:
    fd = os.open(name, _CREATE, 0o600, dir_fd=parent)
    try:
        if entry.segments is None:
            for piece in data:
                written = os.write(fd, piece)
                while written < len(piece):
                    written += os.write(fd, memoryview(piece)[written:])
        else:
            _write_segments(fd, entry.segments, data)
            os.ftruncate(fd, entry.size)
        # The order matters: chown drops setuid bits and file capabilities.
        _chown(fd, entry)
        os.fchmod(fd, entry.mode)
        if entry.xattrs:
            set_xattrs(fd, entry)
        os.utime(fd, ns=(entry.mtime_ns, entry.mtime_ns))
    finally:
        os.close(fd)


def _write_segments(
    fd: int, segments: Iterable[tuple[int, int]], data: Iterable[memoryview | bytes]
) -> None:
    """Write a sparse file's data at its places; `data` has as many bytes as they."""
    pieces = iter(data)
    piece = memoryview(b"")
    for start, size in segments:
        offset, end = start, start + size
        while offset < end:
            if not piece:
                piece = memoryview(next(pieces))
            written = os.pwrite(fd, piece[: end - offset], offset)
            offset += written
            piece = piece[written:]


def _chown(file: int | bytes, entry: Entry, parent: int | None = None) -> None:
    if not in_first_user_namespace() and has_one_id():
        return  # ours, which is root's, as it was made
    try:
        if isinstance(file, int):
            os.fchown(file, entry.uid, entry.gid)
        else:
            os.chown(file, entry.uid, entry.gid, dir_fd=parent, follow_symlinks=False)
    except OSError as err:
        if err.errno == errno.EINVAL and not (
            is_mapped(entry.uid) and is_mapped(entry.gid, group=True)
        ):
            raise InvalidArgument(
                f"archive entry {shown(entry.name)} belongs to {entry.uid}:{entry.gid}, "
                "which is no user or group of this user namespace",
                hint="give this user more ids in /etc/subuid and /etc/subgid",
            ) from err
        raise


def _create_node(parent: int, name: bytes, entry: Entry) -> None:
    if entry.type is EntryType.FIFO:
        os.mkfifo(name, 0o600, dir_fd=parent)
        return
    kind = stat.S_IFCHR if entry.type is EntryType.CHAR else stat.S_IFBLK
    if entry.type is EntryType.CHAR and entry.major == 0 and entry.minor == 0:
        raise InvalidArgument(
            f"archive entry {shown(entry.name)} is the character device 0:0, "
            "which means a removed file in an overlay"
        )
    if entry.major >= 1 << 12 or entry.minor >= 1 << 20:
        raise InvalidArgument(f"archive entry {shown(entry.name)} has a device number out of range")
    os.mknod(name, kind | 0o600, os.makedev(entry.major, entry.minor), dir_fd=parent)


def _finish_special(parent: int, name: bytes, entry: Entry) -> None:
    """Set mode and attributes of a file that must not be opened, through an O_PATH descriptor."""
    fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        handle = f"/proc/self/fd/{fd}"
        if entry.type is not EntryType.SYMLINK:
            os.chmod(handle, entry.mode)
        if entry.xattrs:
            set_xattrs(handle, entry)
    finally:
        os.close(fd)


def set_directory(fd: int, entry: Entry) -> None:
    """Give the open directory the owner, mode and attributes of `entry`; not its time."""
    _chown(fd, entry)
    os.fchmod(fd, entry.mode)
    if entry.xattrs:
        set_xattrs(fd, entry)


def set_xattrs(target: int | str, entry: Entry) -> None:
    """Set the entry's extended attributes; those that this file system has no room for are left.

    Docker does the same: an image with SELinux labels must load where there is no SELinux.
    """
    for key, value in entry.xattrs.items():
        if key.startswith(_FORBIDDEN_XATTRS):
            continue
        try:
            os.setxattr(target, key, value)
        except OSError as err:
            if err.errno not in _UNSUPPORTED:
                raise


def read_xattrs(target: int | str) -> dict[str, bytes]:
    """Return the extended attributes, without overlay's own; {} where there are none at all."""
    try:
        names = os.listxattr(target)
    except OSError as err:
        if err.errno == errno.ENOTSUP:
            return {}
        raise
    return {key: os.getxattr(target, key) for key in names if not key.startswith(_FORBIDDEN_XATTRS)}
