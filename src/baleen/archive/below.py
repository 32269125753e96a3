"""Looking at a file of the layers below, and describing it so that it can be made again above."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from baleen.archive import files
from baleen.archive.entry import ENTRY_TYPES, Entry, EntryType
from baleen.archive.names import shown
from baleen.errors import InvalidArgument
from baleen.linux.overlayfs import is_whiteout

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["describe_directory", "describe_file", "look_below", "lstat"]


def lstat(directory: int, name: bytes) -> os.stat_result | None:
    """Return what `name` in the open `directory` is, or None when there is no such file."""
    with suppress(FileNotFoundError):
        return os.lstat(name, dir_fd=directory)
    return None


def look_below(below: Sequence[int], name: bytes) -> os.stat_result | bytes | None:
    """Return what is seen at `name` in `below` (top-most first): of a symbolic link, its target."""
    for lower in below:
        info = lstat(lower, name)
        if info is None:
            continue
        if is_whiteout(info):
            return None
        return os.readlink(name, dir_fd=lower) if stat.S_ISLNK(info.st_mode) else info
    return None


def describe_directory(fd: int) -> Entry:
    """Return the owner, mode and attributes of an open directory."""
    info = os.fstat(fd)
    return Entry(
        name=b"",
        type=EntryType.DIRECTORY,
        mode=stat.S_IMODE(info.st_mode),
        uid=info.st_uid,
        gid=info.st_gid,
        xattrs=files.read_xattrs(fd),
    )


def describe_file(fd: int, name: bytes, info: os.stat_result) -> Entry:
    """Return the entry for a file that is no directory, open with O_PATH.

    Raises:
        InvalidArgument: it is a socket, which no archive can hold.
    """
    kind = ENTRY_TYPES.get(stat.S_IFMT(info.st_mode))
    if kind is None:
        raise InvalidArgument(f"cannot link to the socket {shown(name)}")
    return Entry(
        name=name,
        type=kind,
        mode=stat.S_IMODE(info.st_mode),
        uid=info.st_uid,
        gid=info.st_gid,
        mtime_ns=info.st_mtime_ns,
        major=os.major(info.st_rdev),
        minor=os.minor(info.st_rdev),
        xattrs={} if kind is EntryType.SYMLINK else files.read_xattrs(f"/proc/self/fd/{fd}"),
    )
