"""Watching files and directories. See: inotify(7)."""

from __future__ import annotations

import ctypes
import os
import struct

from baleen.linux.calls import failure, function
from baleen.linux.fd import Fd
from baleen.linux.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

__all__ = ["Event", "add_watch", "init", "parse_events", "remove_watch"]

IN_MODIFY: Final = 0x2
IN_ATTRIB: Final = 0x4
IN_CLOSE_WRITE: Final = 0x8
IN_OPEN: Final = 0x20
IN_MOVED_FROM: Final = 0x40
IN_MOVED_TO: Final = 0x80
IN_CREATE: Final = 0x100
IN_DELETE: Final = 0x200
IN_DELETE_SELF: Final = 0x400
IN_MOVE_SELF: Final = 0x800
IN_Q_OVERFLOW: Final = 0x4000
IN_IGNORED: Final = 0x8000
IN_ONLYDIR: Final = 0x1000000

_HEADER = struct.Struct("iIII")
_init1 = function("inotify_init1", ctypes.c_int)
_add_watch = function("inotify_add_watch", ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)
_rm_watch = function("inotify_rm_watch", ctypes.c_int, ctypes.c_int)


@record(frozen=True, slots=True)
class Event:
    """One event: the watch it belongs to, IN_* bits, rename cookie, name inside a directory."""

    watch: int
    mask: int
    cookie: int
    name: str


def init() -> Fd:
    """A non-blocking, close-on-exec inotify descriptor."""
    fd = _init1(os.O_CLOEXEC | os.O_NONBLOCK)
    if fd < 0:
        raise failure("inotify_init1")
    return Fd(fd)


def add_watch(fd: int, path: str, mask: int) -> int:
    """Watch `path` for the IN_* events of `mask`; returns the watch number."""
    watch = _add_watch(fd, os.fsencode(path), mask)
    if watch < 0:
        raise failure("inotify_add_watch", path)
    return watch


def remove_watch(fd: int, watch: int) -> None:
    """Stop a watch; an IN_IGNORED event follows."""
    if _rm_watch(fd, watch) < 0:
        raise failure("inotify_rm_watch")


def parse_events(data: bytes) -> Iterator[Event]:
    """The events in what was read from the descriptor (the kernel returns whole events only)."""
    offset = 0
    while offset < len(data):
        watch, mask, cookie, size = _HEADER.unpack_from(data, offset)
        offset += _HEADER.size
        name = data[offset : offset + size].rstrip(b"\0")
        offset += size
        yield Event(watch, mask, cookie, os.fsdecode(name))
