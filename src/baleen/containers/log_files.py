"""The files of one json-file log: the current one and its rotated predecessors.

    <path>      what the supervisor writes now
    <path>.1    the one before, and so on up to the oldest

The writer renames while we read. A reader keeps its file open, so nothing it began is lost; which
file comes next is found by comparing inodes.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LogFiles"]

_BLOCK: Final = 256 * 1024
# One message is at most 16 KiB of payload, each byte of which may become six (\u00XX).
_MAX_LINE: Final = 1024 * 1024


class LogFiles:
    """Reads a log forward from a point near its end; owns the open files.

    All methods block for at most one read of a block.

    Args:
        path: the current file.
        growing: also read what is written after `open`. Without, the end is where the log ended
            at that moment, so that a container that writes without pause lets a reader end.
    """

    def __init__(self, path: Path, *, growing: bool = True) -> None:
        self._path = path
        self._growing = growing
        self._end: int | None = None  # of the newest file, when the log is not followed
        self._pending: list[BinaryIO] = []  # newer files in order, after the one being read
        self._file: BinaryIO | None = None
        self._rest = b""

    def open(self, tail: int | None) -> None:
        """Open all files, and go to the last `tail` lines (None: to the very beginning)."""
        newest_first = self._open_all()
        if not self._growing:
            self._end = os.fstat(newest_first[0].fileno()).st_size if newest_first else 0
        if tail is not None:
            kept, wanted = [], tail
            for file in newest_first:
                offset, found = _offset_of_last_lines(file, wanted)
                file.seek(offset)
                kept.append(file)
                wanted -= found
                if wanted <= 0:
                    break
            for file in newest_first[len(kept) :]:
                file.close()
            newest_first = kept
        self._pending = newest_first[::-1]
        self._next_file()

    def read(self) -> bytes:
        """Return the next block of whole lines; empty at the (present) end of the log.

        A last line without its newline stays for a later call.
        """
        while True:
            if self._file is None:  # the log had no file when it was opened
                self._pending = self._open_all()[::-1] if self._growing else []
                if not self._next_file():
                    return b""
                continue
            data = self._file.read(self._allowed())
            if data:
                block = self._whole_lines(data)
                if block:
                    return block
            elif self._pending:
                self._next_file()
            elif not self._growing or not self._has_more():
                return b""

    def _allowed(self) -> int:
        """Return how many bytes the next read may take."""
        if self._end is None or self._pending or self._file is None:
            return _BLOCK
        return max(0, min(_BLOCK, self._end - self._file.tell()))

    def close(self) -> None:
        """Close all files."""
        for file in (self._file, *self._pending):
            if file is not None:
                file.close()
        self._file, self._pending = None, []

    def _whole_lines(self, data: bytes) -> bytes:
        end = data.rfind(b"\n") + 1
        if end == 0:
            # Endless garbage without a newline must not fill the memory.
            self._rest = (self._rest + data) if len(self._rest) < _MAX_LINE else b""
            return b""
        block, self._rest = self._rest + data[:end], data[end:]
        return block

    def _next_file(self) -> bool:
        if not self._pending:
            return False
        if self._file is not None:
            self._file.close()
        self._file = self._pending.pop(0)
        self._rest = b""
        return True

    def _open_all(self) -> list[BinaryIO]:
        """Open every file, newest first; each file once, even if the writer renames meanwhile."""
        files: list[BinaryIO] = []
        inodes: set[int] = set()
        number = 0
        while True:
            name = f"{self._path}.{number}" if number else str(self._path)
            try:
                descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            except FileNotFoundError:
                if number > 0:
                    return files
                number = 1  # between the writer's rename and its new file
                continue
            number += 1
            inode = os.fstat(descriptor).st_ino
            if inode in inodes:
                os.close(descriptor)
                continue
            inodes.add(inode)
            files.append(open(descriptor, "rb", buffering=0))  # noqa: PTH123, SIM115

    def _has_more(self) -> bool:
        """At the end of a file, see whether the writer has added to it or moved on to another."""
        assert self._file is not None
        try:
            current_inode = os.stat(self._path).st_ino  # noqa: PTH116
        except FileNotFoundError:
            return False
        # In this order: once the name belongs to another file, ours does not grow any more.
        own = os.fstat(self._file.fileno())
        position = self._file.tell()
        if own.st_size > position:
            return True
        if own.st_ino == current_inode:
            if own.st_size == position:
                return False
            self._file.seek(0)  # cut in place
            self._rest = b""
            return own.st_size > 0
        newer = []
        is_newer = True
        for file in self._open_all():
            if os.fstat(file.fileno()).st_ino == own.st_ino:
                is_newer = False
            if is_newer:
                newer.append(file)
            else:
                file.close()
        self._pending = newer[::-1]
        return bool(newer)


def _offset_of_last_lines(file: BinaryIO, wanted: int) -> tuple[int, int]:
    """Return where the last `wanted` whole lines begin, and how many there are (at most wanted).

    Reads backwards by blocks; a torn last line is not counted.
    """
    size = os.fstat(file.fileno()).st_size
    if wanted <= 0:
        return _end_of_last_line(file, size), 0
    found = -1  # the newline that ends the last line does not begin one
    position = size
    while position > 0:
        length = min(_BLOCK, position)
        position -= length
        block = os.pread(file.fileno(), length, position)
        at = len(block)
        while (at := block.rfind(b"\n", 0, at)) >= 0:
            found += 1
            if found == wanted:
                return position + at + 1, wanted
    return 0, max(found + 1, 0)


def _end_of_last_line(file: BinaryIO, size: int) -> int:
    position = size
    while position > 0:
        length = min(_BLOCK, position)
        position -= length
        at = os.pread(file.fileno(), length, position).rfind(b"\n")
        if at >= 0:
            return position + at + 1
    return 0
