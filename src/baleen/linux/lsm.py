"""Security modules of the kernel: which one is at work, and a task's attributes for its execve.

What a task asks of a module lies in files below /proc/<pid>/attr, of which it may write its own.
The value of `exec` is used and forgotten by the next execve(2), and a clone inherits it.

See: proc(5), /proc/[pid]/attr; Documentation/admin-guide/LSM in the kernel's tree.
"""

from __future__ import annotations

import errno
import os

from baleen.linux.fd import Fd
from baleen.linux.files import PROC_SUPER_MAGIC, filesystem_magic
from baleen.linux.path import (
    RESOLVE_BENEATH,
    RESOLVE_NO_MAGICLINKS,
    RESOLVE_NO_XDEV,
    openat2,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = [
    "ATTRIBUTE_RESOLVE",
    "apparmor_attribute",
    "apparmor_is_enabled",
    "host_proc",
    "selinux_is_enabled",
    "set_context",
    "write_attribute",
]

# "self" is a symbolic link, but not a magic one; nothing may lie over what it leads to.
ATTRIBUTE_RESOLVE: Final = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV
_APPARMOR: Final = "/sys/module/apparmor/parameters/enabled"
_SELINUX: Final = "/sys/fs/selinux/enforce"
_CONTEXT: Final = "security.selinux"
_OWN: Final = "self/attr/apparmor/"
# Of both modules, before Linux 5.8 had a directory for each.
_SHARED: Final = "self/attr/"


def _read(path: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return b""
    try:
        return os.read(fd, 256).strip(b"\0\n")
    finally:
        os.close(fd)


def apparmor_is_enabled() -> bool:
    """Whether AppArmor is at work."""
    return _read(_APPARMOR) == b"Y"


def selinux_is_enabled() -> bool:
    """Whether SELinux is at work, with a policy loaded; it need not enforce."""
    # Before there is a policy, everything has the initial label "kernel".
    return os.path.exists(_SELINUX) and _read("/proc/self/attr/current") not in (b"", b"kernel")


def apparmor_attribute(name: str) -> str:
    """The path, below a procfs, of our own attribute `name` for AppArmor."""
    return (_OWN if os.path.exists(f"/proc/{_OWN}") else _SHARED) + name


def host_proc() -> Fd:
    """An O_PATH descriptor of /proc, which is verified to be a procfs (OSError: ENODEV)."""
    proc = Fd(os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
    if filesystem_magic(proc.fileno()) != PROC_SUPER_MAGIC:
        proc.close()
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV), "/proc")
    return proc


def write_attribute(proc: Fd, path: str, value: str) -> None:
    """Write one of our attributes through the procfs `proc`; never to anything mounted there.

    Raises OSError: ENOENT, EINVAL: the module does not know the value; EACCES: not allowed.
    """
    flags = os.O_WRONLY | os.O_CLOEXEC
    fd = openat2(proc.fileno(), path, flags, resolve=ATTRIBUTE_RESOLVE)
    try:
        os.write(fd, os.fsencode(value))
    finally:
        os.close(fd)


def set_context(fd: int, context: str) -> None:
    """Give a file, O_PATH is enough and a link is meant itself, an SELinux context (OSError)."""
    os.setxattr(f"/proc/self/fd/{fd}", _CONTEXT, os.fsencode(context) + b"\0")
