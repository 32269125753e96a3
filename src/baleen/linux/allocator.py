"""The C library's allocator: memory that is freed goes back to the kernel.

glibc learns from the first large block that is freed: from then on blocks of that size come from
its arenas, one for each thread, and stay there. A daemon that moves gigabytes in pieces of 1 MiB
through some threads keeps 100 MB of them (measured with pulls of 240 MB). With fixed thresholds
such pieces are mappings of their own, and it keeps 3.

See: mallopt(3).
"""

from __future__ import annotations

import ctypes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["give_freed_memory_back"]

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_LARGE: Final = 128 << 10
_ARENAS: Final = 2


def give_freed_memory_back() -> bool:
    """Fix the thresholds for this process; says whether its C library has them (glibc)."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return False
    mallopt.argtypes = [ctypes.c_int, ctypes.c_int]
    mallopt.restype = ctypes.c_int
    settings = (_M_MMAP_THRESHOLD, _LARGE), (_M_TRIM_THRESHOLD, _LARGE), (_M_ARENA_MAX, _ARENAS)
    return all(mallopt(name, value) == 1 for name, value in settings)
