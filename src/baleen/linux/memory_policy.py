"""On which memory nodes a process gets its pages. See: set_mempolicy(2), numa(7)."""

from __future__ import annotations

import ctypes

from baleen.linux.calls import failure, syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["MPOL_FLAGS", "MPOL_MODES", "node_mask", "set_mempolicy"]

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

_set_mempolicy = syscall("set_mempolicy", ctypes.c_int, ctypes.c_char_p, ctypes.c_ulong)


def node_mask(nodes: frozenset[int]) -> bytes:
    """A set of nodes, which is not empty, as set_mempolicy(2) takes it.

    The kernel takes one bit less than the number of bits that it is told.
    """
    words = max(nodes) // _BITS + 1
    return sum(1 << node for node in nodes).to_bytes(words * _BITS // 8, "little")


def set_mempolicy(mode: int, nodes: frozenset[int]) -> None:
    """Set the policy, MPOL_* with its flags, of the calling thread; execve and children keep it."""
    mask = node_mask(nodes) if nodes else None
    bits = 0 if mask is None else len(mask) * 8 + 1
    if _set_mempolicy(mode, mask, bits) < 0:
        raise failure("set_mempolicy")
