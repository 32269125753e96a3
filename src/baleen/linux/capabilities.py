"""Capabilities: names, numbers and the five sets of a process.

Sets are integers: bit N is capability number N. Names are parsed before a fork, the functions that
change the process take integers only, so that a forked child calls nothing but the kernel.

The order round a change of user, as a runtime needs it::

    prctl(PR_SET_KEEPCAPS, 1)          when the new user is not root, else setuid drops all
    setgroups, setgid, setuid
    apply(bounding, effective, permitted, inheritable, ambient)
    execve                             the kernel clears KEEPCAPS itself

`apply` needs CAP_SETPCAP in the permitted set (not necessarily the effective one: it raises that)
if it is to shrink the bounding set. With no_new_privs or a seccomp filter that refuses prctl or
capset, call it before installing the filter.

See: capabilities(7), prctl(2), capset(2), include/uapi/linux/capability.h.
"""

from __future__ import annotations

import ctypes
import os

from baleen.linux.calls import failure, function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "CAPABILITIES",
    "apply",
    "available",
    "capget",
    "capset",
    "drop_bounding",
    "last_cap",
    "names_of",
    "parse_mask",
    "set_ambient",
]

# include/uapi/linux/capability.h; the position is the number.
_NAMES = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
)
CAPABILITIES: dict[str, int] = {name: number for number, name in enumerate(_NAMES)}

_CAP_SETPCAP = 8
_PR_CAPBSET_READ = 23
_PR_CAPBSET_DROP = 24
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_LINUX_CAPABILITY_VERSION_3 = 0x20080522


class _Header(ctypes.Structure):
    """struct __user_cap_header_struct."""

    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    """Two struct __user_cap_data_struct: low and high 32 bits of each set."""

    _fields_ = (
        ("effective_low", ctypes.c_uint32),
        ("permitted_low", ctypes.c_uint32),
        ("inheritable_low", ctypes.c_uint32),
        ("effective_high", ctypes.c_uint32),
        ("permitted_high", ctypes.c_uint32),
        ("inheritable_high", ctypes.c_uint32),
    )


_prctl = function("prctl", ctypes.c_int, *[ctypes.c_ulong] * 4)
_capget = function("capget", ctypes.POINTER(_Header), ctypes.POINTER(_Data))
_capset = function("capset", ctypes.POINTER(_Header), ctypes.POINTER(_Data))


def last_cap() -> int:
    """The highest capability number that the running kernel knows.

    Raises OSError if /proc is not mounted.
    """
    fd = os.open("/proc/sys/kernel/cap_last_cap", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return int(os.read(fd, 16))
    finally:
        os.close(fd)


def parse_mask(names: Iterable[str]) -> int:
    """The set with the named capabilities ("CAP_CHOWN", upper case, prefix included).

    Raises ValueError with the name for one that is unknown. Names that the kernel does not know yet
    are kept; intersect with `available()` where that matters.
    """
    mask = 0
    for name in names:
        number = CAPABILITIES.get(name)
        if number is None:
            raise ValueError(f"unknown capability {name!r}")
        mask |= 1 << number
    return mask


def names_of(mask: int) -> list[str]:
    """The names in a set by number; capabilities newer than this table have no name here."""
    return [name for number, name in enumerate(_NAMES) if mask >> number & 1]


def numbers_of(mask: int) -> list[int]:
    """The numbers in a set, in order."""
    return [number for number in range(mask.bit_length()) if mask >> number & 1]


def available() -> int:
    """The bounding set of this process: all that a child of it could ever be given."""
    mask = 0
    for number in range(64):
        value = _prctl(_PR_CAPBSET_READ, number, 0, 0, 0)
        if value < 0:  # EINVAL: beyond the kernel's last capability
            break
        mask |= value << number
    return mask


def capget() -> tuple[int, int, int]:
    """The caller's effective, permitted and inheritable sets."""
    header = _Header(_LINUX_CAPABILITY_VERSION_3, 0)
    data = _Data()
    if _capget(header, data) < 0:
        raise failure("capget")
    return (
        data.effective_high << 32 | data.effective_low,
        data.permitted_high << 32 | data.permitted_low,
        data.inheritable_high << 32 | data.inheritable_low,
    )


def capset(effective: int, permitted: int, inheritable: int) -> None:
    """Sets the caller's three sets; ambient capabilities outside of them vanish.

    Raises OSError (EPERM: permitted would grow, or inheritable leave the bounding set).
    """
    header = _Header(_LINUX_CAPABILITY_VERSION_3, 0)
    low = 0xFFFFFFFF
    data = _Data(
        effective & low,
        permitted & low,
        inheritable & low,
        effective >> 32,
        permitted >> 32,
        inheritable >> 32,
    )
    if _capset(header, data) < 0:
        raise failure("capset")


def drop_bounding(keep: int) -> None:
    """Removes from the bounding set what is not in `keep`: one prctl for each.

    Capabilities above our table, of a newer kernel, are dropped too. Needs effective CAP_SETPCAP if
    there is something to drop, else OSError EPERM.
    """
    for number in range(64):
        if keep >> number & 1 or _prctl(_PR_CAPBSET_DROP, number, 0, 0, 0) == 0:
            continue
        error = failure("prctl PR_CAPBSET_DROP")
        held = _prctl(_PR_CAPBSET_READ, number, 0, 0, 0)
        if held < 0 and number > 0:  # the kernel's list has ended
            return
        if held != 0:  # 0: it was not there, so nothing is lost by lacking CAP_SETPCAP
            raise error


def set_ambient(mask: int) -> None:
    """Makes the ambient set exactly `mask`, which must be permitted and inheritable already."""
    if _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0:
        raise failure("prctl PR_CAP_AMBIENT_CLEAR_ALL")
    number = 0
    while mask:
        if mask & 1 and _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, number, 0, 0) < 0:
            raise failure("prctl PR_CAP_AMBIENT_RAISE")
        mask >>= 1
        number += 1


def apply(bounding: int, effective: int, permitted: int, inheritable: int, ambient: int) -> None:
    """Gives the caller exactly these sets, in the one order that works.

    Bounding first (while CAP_SETPCAP is still there), then the three sets, then ambient. After a
    change of user with KEEPCAPS the effective set is empty: it is raised to the permitted set for
    the first step. Raises OSError; the process then holds a mixture and must not go on.
    """
    current_effective, current_permitted, current_inheritable = capget()
    if not current_effective >> _CAP_SETPCAP & 1 and current_permitted >> _CAP_SETPCAP & 1:
        capset(current_permitted, current_permitted, current_inheritable)
    drop_bounding(bounding)
    capset(effective, permitted, inheritable)
    set_ambient(ambient)
