"""Moving data between descriptors without copying it through us. See: splice(2), tee(2)."""

from __future__ import annotations

import ctypes
import errno
import os

from baleen.linux.calls import failure, syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["SPLICE_F_MORE", "SPLICE_F_MOVE", "SPLICE_F_NONBLOCK", "splice", "tee"]

SPLICE_F_MOVE: Final = 1
SPLICE_F_NONBLOCK: Final = 2
SPLICE_F_MORE: Final = 4

_tee = syscall("tee", ctypes.c_int, ctypes.c_int, ctypes.c_size_t, ctypes.c_uint)


def splice(source: int, target: int, size: int, flags: int = SPLICE_F_MOVE) -> int:
    """Move up to `size` bytes; one side must be a pipe. Returns the number moved, 0 at the end.

    Raises BlockingIOError when nothing can be moved now.
    """
    return os.splice(source, target, size, flags=flags)


def tee(source: int, target: int, size: int, flags: int = 0) -> int:
    """Duplicate up to `size` bytes from pipe to pipe without consuming them."""
    while True:
        count = _tee(source, target, size, flags)
        if count >= 0:
            return count
        if ctypes.get_errno() != errno.EINTR:
            raise failure("tee")
