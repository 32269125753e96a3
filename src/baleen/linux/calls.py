"""The way to a syscall: numbers of this machine's architecture, typed entry points, errors.

Numbers: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h. Calls from
424 (pidfd_send_signal) on have the same number everywhere.
"""

from __future__ import annotations

import ctypes
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["ARCHITECTURE", "NUMBERS", "failure", "function", "syscall"]

_X86_64 = {
    "rt_sigprocmask": 14,
    "rt_sigtimedwait": 128,
    "wait4": 61,
    "getpid": 39,
    "setpgid": 109,
    "kill": 62,
    "pivot_root": 155,
    "keyctl": 250,
    "tee": 276,
    "setns": 308,
    "seccomp": 317,
    "mount": 165,
    "umount2": 166,
    "unshare": 272,
    "clone": 56,
    "getcwd": 79,
    "rt_sigaction": 13,
    "ioprio_set": 251,
    "personality": 135,
    "set_mempolicy": 238,
    "sched_setaffinity": 203,
    "sched_setattr": 314,
    "write": 1,
    "dup3": 292,
    "openat": 257,
    "newfstatat": 262,
    "faccessat": 269,
    "fchown": 93,
    "fchdir": 81,
    "prctl": 157,
    "prlimit64": 302,
    "setgroups": 116,
    "setresgid": 119,
    "setresuid": 117,
    "capset": 126,
    "umask": 95,
    "setsid": 112,
    "execve": 59,
    "exit_group": 231,
    "fstatfs": 138,
    "ioctl": 16,
    "sendmsg": 46,
    "recvmsg": 47,
    "nanosleep": 35,
    "close": 3,
}
_AARCH64 = {
    "rt_sigprocmask": 135,
    "rt_sigtimedwait": 137,
    "wait4": 260,
    "getpid": 172,
    "setpgid": 154,
    "kill": 129,
    "pivot_root": 41,
    "keyctl": 219,
    "tee": 77,
    "setns": 268,
    "seccomp": 277,
    "mount": 40,
    "umount2": 39,
    "unshare": 97,
    "clone": 220,
    "getcwd": 17,
    "rt_sigaction": 134,
    "ioprio_set": 30,
    "personality": 92,
    "set_mempolicy": 237,
    "sched_setaffinity": 122,
    "sched_setattr": 274,
    "write": 64,
    "dup3": 24,
    "openat": 56,
    "newfstatat": 79,
    "faccessat": 48,
    "fchown": 55,
    "fchdir": 50,
    "prctl": 167,
    "prlimit64": 261,
    "setgroups": 159,
    "setresgid": 149,
    "setresuid": 147,
    "capset": 91,
    "umask": 166,
    "setsid": 157,
    "execve": 221,
    "exit_group": 94,
    "fstatfs": 44,
    "ioctl": 29,
    "sendmsg": 211,
    "recvmsg": 212,
    "nanosleep": 101,
    "close": 57,
}
_EVERYWHERE = {
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "close_range": 436,
    "openat2": 437,
    "pidfd_getfd": 438,
    "mount_setattr": 442,
}

ARCHITECTURE = os.uname().machine
NUMBERS = (_AARCH64 if ARCHITECTURE == "aarch64" else _X86_64) | _EVERYWHERE

_libc = ctypes.CDLL(None, use_errno=True)


def syscall(name: str, *argtypes: Any) -> Callable[..., int]:  # noqa: ANN401  # ctypes types
    """A function that makes the raw call `name`; it returns -1 on failure and sets errno.

    Each one has a function object of its own, so the argument types set here stay.
    """
    prototype = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_long, *argtypes, use_errno=True)
    raw: Callable[..., int] = prototype(("syscall", _libc))
    number = NUMBERS[name]

    def call(*args: object) -> int:
        return raw(number, *args)

    return call


def function(name: str, *argtypes: Any) -> Callable[..., int]:  # noqa: ANN401  # ctypes types
    """The C library's function `name`, which returns an int and sets errno."""
    prototype = ctypes.CFUNCTYPE(ctypes.c_int, *argtypes, use_errno=True)
    result: Callable[..., int] = prototype((name, _libc))
    return result


def failure(call: str, path: str | bytes | None = None, errno: int | None = None) -> OSError:
    """The exception for the failed `call`: its errno (or the given one), text, path and a note."""
    number = ctypes.get_errno() if errno is None else errno
    error = OSError(number, os.strerror(number), path)
    error.add_note(call)
    return error
