"""Kernel keyrings. See: keyctl(2), session-keyring(7)."""

from __future__ import annotations

import ctypes

from baleen.linux.calls import failure, syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["join_session_keyring"]

_KEYCTL_JOIN_SESSION_KEYRING: Final = 1
_keyctl = syscall("keyctl", ctypes.c_int, *[ctypes.c_ulong] * 4)


def join_session_keyring() -> int:
    """Leave the inherited session keyring for a new, anonymous one; returns its serial number.

    Raises OSError with ENOSYS when the kernel has no keyrings.
    """
    serial = _keyctl(_KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0)
    if serial < 0:
        raise failure("keyctl")
    return serial
