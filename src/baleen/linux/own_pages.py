"""Pages of memory that are ours alone, and how they become so again after a fork.

A fork shares all memory; whoever writes to a page first has to copy it, which takes the kernel a
fault of two microseconds. A process that forks while it has nothing to do, and is to be quick
later, can have these copies made at once.

See: fork(2); madvise(2) MADV_POPULATE_WRITE (Linux 5.14); the kernel's admin-guide/mm/pagemap.rst.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import struct

from baleen.linux.calls import failure, function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["Range", "own_ranges", "populate"]

# Address and length in bytes.
Range = tuple[int, int]

_MADV_POPULATE_WRITE: Final = 23
_PAGEMAP: Final = "/proc/self/pagemap"
_ENTRY_BYTES: Final = 8
_PRESENT: Final = 1 << 63
_OF_A_FILE: Final = 1 << 61
_EXCLUSIVE: Final = 1 << 56
_MASK: Final = _PRESENT | _OF_A_FILE | _EXCLUSIVE
_OWN: Final = _PRESENT | _EXCLUSIVE

_madvise = function("madvise", ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)


def _writable_mappings() -> list[Range]:
    """Private writable mappings, of files too: a page of theirs that was written to is ours."""
    fd = os.open("/proc/self/maps", os.O_RDONLY | os.O_CLOEXEC)
    try:
        text = b""
        while piece := os.read(fd, 65536):
            text += piece
    finally:
        os.close(fd)
    found = []
    for line in text.splitlines():
        addresses, flags = line.split(b" ", 2)[:2]
        if flags.startswith(b"rw") and flags.endswith(b"p"):
            start, end = (int(address, 16) for address in addresses.split(b"-"))
            found.append((start, end - start))
    return found


def own_ranges() -> list[Range]:
    """What no other process shares, and is in memory, of all that we may write to.

    Nothing where the kernel does not tell.
    """
    page = mmap.PAGESIZE
    found: list[Range] = []
    try:
        fd = os.open(_PAGEMAP, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return found
    try:
        for start, length in _writable_mappings():
            pages = length // page
            data = os.pread(fd, pages * _ENTRY_BYTES, start // page * _ENTRY_BYTES)
            entries = struct.unpack_from(f"={len(data) // _ENTRY_BYTES}Q", data)
            first = -1
            for index, entry in enumerate((*entries, 0)):
                own = entry & _MASK == _OWN
                if own and first < 0:
                    first = index
                elif not own and first >= 0:
                    found.append((start + first * page, (index - first) * page))
                    first = -1
    finally:
        os.close(fd)
    return found


def populate(ranges: list[Range]) -> None:
    """Make what is in `ranges` ours alone and writable; what is unmapped since is left out.

    A kernel that cannot does nothing: then each page is copied when it is written to.
    """
    for address, length in ranges:
        with contextlib.suppress(OSError):
            if _madvise(address, length, _MADV_POPULATE_WRITE) < 0:
                raise failure("madvise")
