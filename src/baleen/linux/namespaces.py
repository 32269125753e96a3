"""Namespaces: unshare, setns, the raw clone of a single-threaded process, host and domain name.

See: namespaces(7), unshare(2), setns(2), clone(2), pid_namespaces(7). Python 3.11's `os` has none.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal

from baleen.linux.calls import ARCHITECTURE, failure, function, syscall
from baleen.linux.fd import Fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = [
    "clone_child",
    "clone_sibling",
    "owner_of",
    "set_time_offsets",
    "setdomainname",
    "sethostname",
    "setns",
    "unshare",
]

CLONE_NEWTIME: Final = 0x00000080
CLONE_NEWNS: Final = 0x00020000
CLONE_NEWCGROUP: Final = 0x02000000
CLONE_NEWUTS: Final = 0x04000000
CLONE_NEWIPC: Final = 0x08000000
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWPID: Final = 0x20000000
CLONE_NEWNET: Final = 0x40000000
_CLONE_PARENT: Final = 0x00008000
# linux/nsfs.h
_NS_GET_USERNS: Final = 0xB701

_unshare = syscall("unshare", ctypes.c_ulong)
_setns = syscall("setns", ctypes.c_int, ctypes.c_int)
_clone = syscall("clone", *[ctypes.c_ulong] * 5)
_sethostname = function("sethostname", ctypes.c_char_p, ctypes.c_size_t)
_setdomainname = function("setdomainname", ctypes.c_char_p, ctypes.c_size_t)


def unshare(flags: int) -> None:
    """Leave the namespaces named by CLONE_NEW* flags for new ones (pid: children only)."""
    if _unshare(flags) < 0:
        raise failure("unshare")


def setns(fd: int, flags: int) -> None:
    """Join one namespace by its descriptor, or several of a process by its pidfd (Linux 5.8)."""
    if _setns(fd, flags) < 0:
        raise failure("setns")


def owner_of(namespace: int) -> Fd:
    """The user namespace that the namespace of this descriptor belongs to. See: ioctl_ns(2)."""
    return Fd(fcntl.ioctl(namespace, _NS_GET_USERNS))


def set_time_offsets(text: str) -> None:
    """Set the clocks of the time namespace that our children will be in, which has to be new.

    `text` has a line "monotonic SECONDS NANOSECONDS" or "boottime ..." for each. Needs CAP_SYS_TIME
    over it. See: time_namespaces(7).
    """
    if not text:
        return
    fd = os.open("/proc/self/timens_offsets", os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    except OSError as error:
        error.add_note("timens_offsets")
        raise
    finally:
        os.close(fd)


def clone_sibling(flags: int = 0) -> int:
    """fork(2), but the child becomes a child of our parent. Returns 0 in the child, else its pid.

    `flags` are CLONE_NEW* of namespaces that the child alone is to be in, but for the time one.

    Only for a process with one thread that will leave by `os._exit` or `execve`: neither the C
    library's nor Python's fork handlers run. The pid is in the caller's pid namespace.
    """
    return clone_child(_CLONE_PARENT | flags)


def clone_child(flags: int) -> int:
    """As `clone_sibling`, of a child of our own."""
    pid = _clone(flags | signal.SIGCHLD, 0, 0, 0, 0)
    if pid < 0:
        raise failure("clone")
    return pid


def sethostname(name: str) -> None:
    """Set the host name of the current UTS namespace."""
    raw = os.fsencode(name)
    if _sethostname(raw, len(raw)) < 0:
        raise failure("sethostname", name)


def setdomainname(name: str) -> None:
    """Set the NIS domain name of the current UTS namespace."""
    raw = os.fsencode(name)
    if _setdomainname(raw, len(raw)) < 0:
        raise failure("setdomainname", name)


assert ARCHITECTURE in ("x86_64", "aarch64"), f"no syscall numbers for {ARCHITECTURE}"
