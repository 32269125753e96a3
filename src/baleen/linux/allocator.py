"""The C library's allocator: memory that is freed goes back to the kernel, when the work is done.

glibc learns from the first large block that is freed: from then on blocks of that size come from
its arenas, one for each thread, and stay there. A daemon that moves gigabytes in pieces of 1 MiB
through some threads keeps 100 MB of them (measured with pulls of 240 MB).

To make each piece a mapping of its own is no way out: its pages are made, filled with zeros and
accounted for anew each time, which was two thirds of all that a transfer did (`docker export` 340
MB/s instead of 2,000). So pieces come from few arenas, and `trim` is called now and then: it gives
back what is free in the middle of them too.

See: mallopt(3), malloc_trim(3).
"""

from __future__ import annotations

import ctypes
from functools import cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

__all__ = ["share_arenas", "trim"]

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
# Above the pieces of all transfers, and what several of them hold at a time.
_MAPPED: Final = 4 << 20
_TRIMMED: Final = 16 << 20
_ARENAS: Final = 2


def share_arenas() -> bool:
    """Fix thresholds and the number of arenas of this process; says whether it could (glibc)."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return False
    mallopt.argtypes = [ctypes.c_int, ctypes.c_int]
    mallopt.restype = ctypes.c_int
    settings = (_M_MMAP_THRESHOLD, _MAPPED), (_M_TRIM_THRESHOLD, _TRIMMED), (_M_ARENA_MAX, _ARENAS)
    return all(mallopt(name, value) == 1 for name, value in settings)


@cache
def _malloc_trim() -> Callable[[int], int]:
    try:
        function = ctypes.CDLL(None).malloc_trim
    except AttributeError:
        return lambda _: 0
    function.argtypes = [ctypes.c_size_t]
    function.restype = ctypes.c_int
    return function


def trim() -> bool:
    """Give back what is free now; says whether something was. Some milliseconds for 100 MB."""
    return _malloc_trim()(0) == 1
