"""On which memory nodes a process gets its pages. See: set_mempolicy(2), numa(7)."""

from __future__ import annotations

import ctypes

from baleen.linux.calls import failure, syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["MPOL_FLAGS", "MPOL_MODES", "set_mempolicy"]

# include/uapi/linux/mempolicy.h
MPOL_MODES: Final = {
    "MPOL_DEFAULT": 0,
    "MPOL_PREFERRED": 1,
    "MPOL_BIND": 2,
    "MPOL_INTERLEAVE": 3,
    "MPOL_LOCAL": 4,
    "MPOL_PREFERRED_MANY": 5,
    "MPOL_WEIGHTED_INTERLEAVE": 6,
}
MPOL_FLAGS: Final = {
    "MPOL_F_STATIC_NODES": 1 << 15,
    "MPOL_F_RELATIVE_NODES": 1 << 14,
    "MPOL_F_NUMA_BALANCING": 1 << 13,
}
_BITS: Final = 8 * ctypes.sizeof(ctypes.c_ulong)

_set_mempolicy = syscall(
    "set_mempolicy", ctypes.c_int, ctypes.POINTER(ctypes.c_ulong), ctypes.c_ulong
)


def set_mempolicy(mode: int, nodes: frozenset[int]) -> None:
    """Set the policy, MPOL_* with its flags, of the calling thread; execve and children keep it."""
    if not nodes:
        if _set_mempolicy(mode, None, 0) < 0:
            raise failure("set_mempolicy")
        return
    words = max(nodes) // _BITS + 1
    mask = (ctypes.c_ulong * words)()
    for node in nodes:
        mask[node // _BITS] |= 1 << node % _BITS
    # The kernel takes one bit less than it is told.
    if _set_mempolicy(mode, mask, words * _BITS + 1) < 0:
        raise failure("set_mempolicy")
