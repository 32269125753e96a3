"""Installing a compiled seccomp filter. See: seccomp(2)."""

from __future__ import annotations

import ctypes

from baleen.linux.calls import failure, syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = [
    "SECCOMP_FILTER_FLAG_LOG",
    "SECCOMP_FILTER_FLAG_NEW_LISTENER",
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    "SECCOMP_FILTER_FLAG_TSYNC",
    "SECCOMP_FILTER_FLAG_TSYNC_ESRCH",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
    "install_filter",
]

SECCOMP_FILTER_FLAG_TSYNC: Final = 1
SECCOMP_FILTER_FLAG_LOG: Final = 2
SECCOMP_FILTER_FLAG_SPEC_ALLOW: Final = 4
SECCOMP_FILTER_FLAG_NEW_LISTENER: Final = 8
SECCOMP_FILTER_FLAG_TSYNC_ESRCH: Final = 16
SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: Final = 32
_SECCOMP_SET_MODE_FILTER: Final = 1
_INSTRUCTION_BYTES: Final = 8


class _SockFprog(ctypes.Structure):
    _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_char_p))


_seccomp = syscall("seccomp", ctypes.c_uint, ctypes.c_uint, ctypes.POINTER(_SockFprog))


def install_filter(program: bytes, flags: int = 0) -> int:
    """Apply `program` (struct sock_filter instructions) to this thread, for ever.

    Returns with NEW_LISTENER the descriptor of the listener, close-on-exec, else 0. Needs
    no_new_privs or CAP_SYS_ADMIN (EACCES otherwise). Raises ValueError for a program that is empty,
    longer than 65535 instructions or not whole.
    """
    count, rest = divmod(len(program), _INSTRUCTION_BYTES)
    if rest or not 0 < count <= 0xFFFF:
        raise ValueError(f"not a filter program: {len(program)} bytes")
    result = _seccomp(_SECCOMP_SET_MODE_FILTER, flags, _SockFprog(count, program))
    if result < 0:
        raise failure("seccomp")
    return result
