"""Processes: prctl(2), pidfds, waiting, closing of descriptors, resource limits.

See: prctl(2), pidfd_open(2), pidfd_send_signal(2), waitid(2), close_range(2), prlimit(2).
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal

from baleen.linux.calls import failure, function, syscall
from baleen.linux.fd import Fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = [
    "close_all_except",
    "close_range",
    "parent_of",
    "pidfd_getfd",
    "pidfd_open",
    "pidfd_send_signal",
    "set_child_subreaper",
    "set_dumpable",
    "set_keep_capabilities",
    "set_name",
    "set_no_new_privileges",
    "set_parent_death_signal",
    "set_personality",
    "set_securebits",
    "wait_pidfd",
]

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_KEEPCAPS: Final = 8
_PR_SET_NAME: Final = 15
_PR_SET_SECUREBITS: Final = 28
_PR_SET_CHILD_SUBREAPER: Final = 36
_PR_SET_NO_NEW_PRIVS: Final = 38
_HIGHEST_FD: Final = 0xFFFFFFFF
CLOSE_RANGE_CLOEXEC: Final = 4

_prctl = function("prctl", ctypes.c_int, *[ctypes.c_ulong] * 4)
_prctl_text = function("prctl", ctypes.c_int, ctypes.c_char_p, *[ctypes.c_ulong] * 3)
_personality = function("personality", ctypes.c_ulong)
_pidfd_getfd = syscall("pidfd_getfd", ctypes.c_int, ctypes.c_int, ctypes.c_uint)
_close_range = syscall("close_range", ctypes.c_uint, ctypes.c_uint, ctypes.c_uint)


def _set(option: int, value: int, name: str) -> None:
    if _prctl(option, value, 0, 0, 0) < 0:
        raise failure(f"prctl {name}")


def set_parent_death_signal(number: int) -> None:
    """Have the kernel send us `number` when the thread that forked us ends; 0 turns it off.

    A change of user or group id clears it, so it is set again after one.
    """
    _set(_PR_SET_PDEATHSIG, number, "PR_SET_PDEATHSIG")


def set_dumpable(*, dumpable: bool) -> None:
    """Allow or forbid others without CAP_SYS_PTRACE our /proc/PID and ptrace, until execve."""
    _set(_PR_SET_DUMPABLE, int(dumpable), "PR_SET_DUMPABLE")


def set_keep_capabilities(*, keep: bool) -> None:
    """Keep the permitted capabilities when the user id changes from 0; execve clears the flag."""
    _set(_PR_SET_KEEPCAPS, int(keep), "PR_SET_KEEPCAPS")


def set_no_new_privileges() -> None:
    """Never gain privileges by execve again. It cannot be undone."""
    _set(_PR_SET_NO_NEW_PRIVS, 1, "PR_SET_NO_NEW_PRIVS")


def set_securebits(bits: int) -> None:
    """Set the securebits, see capabilities(7)."""
    _set(_PR_SET_SECUREBITS, bits, "PR_SET_SECUREBITS")


def set_personality(domain: int) -> None:
    """Set the execution domain (PER_*), which children and execve keep. See: personality(2)."""
    if _personality(domain) < 0:
        raise failure("personality")


def set_child_subreaper(*, enabled: bool) -> None:
    """Become the parent of orphaned descendants."""
    _set(_PR_SET_CHILD_SUBREAPER, int(enabled), "PR_SET_CHILD_SUBREAPER")


def set_name(name: str) -> None:
    """Set the thread's name as `ps` shows it; the kernel keeps 15 bytes."""
    if _prctl_text(_PR_SET_NAME, os.fsencode(name), 0, 0, 0) < 0:
        raise failure("prctl PR_SET_NAME")


def parent_of(pid: int) -> int:
    """The pid of the parent of process `pid` (FileNotFoundError: there is none such)."""
    fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return int(os.read(fd, 4096).rpartition(b")")[2].split()[1])
    finally:
        os.close(fd)


def close_range(first: int, last: int = _HIGHEST_FD, flags: int = 0) -> None:
    """Close all descriptors from `first` to `last`, both included.

    With CLOSE_RANGE_CLOEXEC they close at the next execve (Linux 5.11).
    """
    if _close_range(first, last, flags) < 0:
        raise failure("close_range")


def close_all_except(keep: set[int]) -> None:
    """Close every descriptor that is not in `keep`."""
    first = 0
    for fd in sorted(keep):
        if fd > first:
            close_range(first, fd - 1)
        first = fd + 1
    close_range(first)


def pidfd_open(pid: int) -> Fd:
    """A descriptor of the process `pid`; it is readable in poll once the process has ended."""
    return Fd(os.pidfd_open(pid))


def pidfd_getfd(pidfd: int, number: int) -> Fd:
    """A copy of the descriptor `number` of another process, which we must be allowed to trace.

    See: pidfd_getfd(2), Linux 5.6.
    """
    fd = _pidfd_getfd(pidfd, number, 0)
    if fd < 0:
        raise failure("pidfd_getfd")
    return Fd(fd)


def pidfd_send_signal(pidfd: int, number: int) -> bool:
    """Send signal `number`; false if the process is already gone."""
    try:
        signal.pidfd_send_signal(pidfd, number)
    except ProcessLookupError:
        return False
    return True


def wait_pidfd(pidfd: int, *, block: bool = True) -> int | None:
    """Reap our child: its exit code, or 128 + signal as shells say; None if it still runs.

    Raises ChildProcessError when it is not our child or was reaped before.
    """
    options = os.WEXITED | (0 if block else os.WNOHANG)
    while True:
        try:
            result = os.waitid(os.P_PIDFD, pidfd, options)
        except OSError as error:
            if error.errno == errno.EINTR:
                continue
            raise
        if result is None:
            return None
        if result.si_code == os.CLD_EXITED:
            return result.si_status
        return 128 + result.si_status
