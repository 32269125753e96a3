"""Signals that the C library keeps for itself: their disposition, by the system call alone.

Signals 32 and 33 serve glibc's threads, so its sigaction(3) refuses them; but its posix_spawn(3),
with which a shell or make may have started us, leaves them ignored in the child, and what is
ignored stays so over execve. A container's process is to begin as a fresh one: nothing ignored.

See: rt_sigaction(2), nptl(7).
"""

from __future__ import annotations

import ctypes

from baleen.linux.calls import failure, syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["default_internal_signals"]

_INTERNAL: Final = (32, 33)
# struct kernel_sigaction of zeros: SIG_DFL, no flags, no restorer, an empty mask.
_DEFAULT: Final = bytes(32)
_SIGSET_SIZE: Final = 8

_rt_sigaction = syscall(
    "rt_sigaction", ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t
)


def default_internal_signals() -> None:
    """Give the C library's own signals their default disposition again (OSError)."""
    for number in _INTERNAL:
        if _rt_sigaction(number, _DEFAULT, None, _SIGSET_SIZE) < 0:
            raise failure("rt_sigaction")
