"""One entry of a tar archive: a file and what is known about it."""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from enum import Enum

__all__ = ["ENTRY_TYPES", "FILE_MODES", "Entry", "EntryType"]


class EntryType(Enum):
    """The typeflag of a header. Old and contiguous regular files count as `FILE`."""

    FILE = b"0"
    HARDLINK = b"1"
    SYMLINK = b"2"
    CHAR = b"3"
    BLOCK = b"4"
    DIRECTORY = b"5"
    FIFO = b"6"


FILE_MODES = {
    EntryType.FILE: stat.S_IFREG,
    EntryType.DIRECTORY: stat.S_IFDIR,
    EntryType.SYMLINK: stat.S_IFLNK,
    EntryType.CHAR: stat.S_IFCHR,
    EntryType.BLOCK: stat.S_IFBLK,
    EntryType.FIFO: stat.S_IFIFO,
}
"""The file type in st_mode for each kind of file. A hard link is none: it names one."""

ENTRY_TYPES = {mode: kind for kind, mode in FILE_MODES.items()}
"""The kind for a file type in st_mode. There is none for a socket, which no archive can hold."""


@dataclass(slots=True)
class Entry:
    """A header with its extensions applied.

    Attributes:
        name: as in the archive, not yet cleaned.
        size: bytes of data that follow; 0 for all but files.
        mode: permission bits with setuid, setgid and sticky.
        mtime_ns: nanoseconds since the epoch.
        linkname: target of a hard or symbolic link.
        xattrs: extended attributes by name.
        segments: of a sparse file, the places (offset, bytes) that the data belongs to, ascending;
            `size` is then that of the file, with its holes.
    """

    name: bytes
    type: EntryType
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    size: int = 0
    mtime_ns: int = 0
    linkname: bytes = b""
    major: int = 0
    minor: int = 0
    xattrs: dict[str, bytes] = field(default_factory=dict)
    segments: list[tuple[int, int]] | None = None
