"""Small file calls that Python's `os` lacks: statfs magic numbers, pipe size.

See: statfs(2), fcntl(2) F_SETPIPE_SZ.
"""

from __future__ import annotations

import ctypes
import fcntl

from baleen.linux.calls import failure, function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["filesystem_magic", "set_pipe_size"]

# linux/magic.h
CGROUP_SUPER_MAGIC: Final = 0x27E0EB
CGROUP2_SUPER_MAGIC: Final = 0x63677270
DEVPTS_SUPER_MAGIC: Final = 0x1CD1
OVERLAYFS_SUPER_MAGIC: Final = 0x794C7630
PROC_SUPER_MAGIC: Final = 0x9FA0
SYSFS_MAGIC: Final = 0x62656572
TMPFS_MAGIC: Final = 0x01021994


class _Statfs(ctypes.Structure):
    # The first member is all we read; the rest only has to be large enough (120 bytes).
    _fields_ = (("f_type", ctypes.c_long), ("rest", ctypes.c_long * 30))


_fstatfs = function("fstatfs", ctypes.c_int, ctypes.POINTER(_Statfs))


def filesystem_magic(fd: int) -> int:
    """The magic number of the file system that `fd` (O_PATH is enough) lies on."""
    result = _Statfs()
    if _fstatfs(fd, result) < 0:
        raise failure("fstatfs")
    return int(result.f_type) & 0xFFFFFFFF


def set_pipe_size(fd: int, size_bytes: int) -> int:
    """Resize a pipe's buffer; returns the size that the kernel chose (at least the asked one).

    Raises PermissionError above /proc/sys/fs/pipe-max-size without CAP_SYS_RESOURCE.
    """
    return fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, size_bytes)
