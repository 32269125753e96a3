"""Mounts: the old call and the new ones that work on descriptors.

See: mount(2), umount2(2), pivot_root(2), open_tree(2), move_mount(2), mount_setattr(2), fsopen(2).
mount_setattr needs Linux 5.12, everything else is older.
"""

from __future__ import annotations

import ctypes
import os

from baleen.linux.calls import failure, syscall
from baleen.linux.fd import Fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = [
    "MNT_DETACH",
    "fsconfig_create",
    "fsconfig_flag",
    "fsconfig_string",
    "fsmount",
    "fsopen",
    "mount",
    "mount_setattr",
    "move_mount",
    "open_tree",
    "pivot_root",
    "umount2",
    "unescape",
]

_ESCAPES: Final = (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\"))

# mount(2)
MS_RDONLY: Final = 0x1
MS_NOSUID: Final = 0x2
MS_NODEV: Final = 0x4
MS_NOEXEC: Final = 0x8
MS_SYNCHRONOUS: Final = 0x10
MS_REMOUNT: Final = 0x20
MS_MANDLOCK: Final = 0x40
MS_DIRSYNC: Final = 0x80
MS_NOSYMFOLLOW: Final = 0x100
MS_NOATIME: Final = 0x400
MS_NODIRATIME: Final = 0x800
MS_BIND: Final = 0x1000
MS_MOVE: Final = 0x2000
MS_REC: Final = 0x4000
MS_SILENT: Final = 0x8000
MS_UNBINDABLE: Final = 1 << 17
MS_PRIVATE: Final = 1 << 18
MS_SLAVE: Final = 1 << 19
MS_SHARED: Final = 1 << 20
MS_RELATIME: Final = 1 << 21
MS_I_VERSION: Final = 1 << 23
MS_STRICTATIME: Final = 1 << 24
MS_LAZYTIME: Final = 1 << 25

MNT_DETACH: Final = 2
UMOUNT_NOFOLLOW: Final = 8

# fsmount(2), mount_setattr(2)
MOUNT_ATTR_RDONLY: Final = 0x1
MOUNT_ATTR_NOSUID: Final = 0x2
MOUNT_ATTR_NODEV: Final = 0x4
MOUNT_ATTR_NOEXEC: Final = 0x8
MOUNT_ATTR__ATIME: Final = 0x70
MOUNT_ATTR_RELATIME: Final = 0x00
MOUNT_ATTR_NOATIME: Final = 0x10
MOUNT_ATTR_STRICTATIME: Final = 0x20
MOUNT_ATTR_NODIRATIME: Final = 0x80
MOUNT_ATTR_IDMAP: Final = 0x100000
MOUNT_ATTR_NOSYMFOLLOW: Final = 0x200000

AT_FDCWD: Final = -100
AT_SYMLINK_NOFOLLOW: Final = 0x100
AT_EMPTY_PATH: Final = 0x1000
AT_RECURSIVE: Final = 0x8000
OPEN_TREE_CLONE: Final = 1
MOVE_MOUNT_F_EMPTY_PATH: Final = 0x4
MOVE_MOUNT_T_EMPTY_PATH: Final = 0x40

_FSOPEN_CLOEXEC: Final = 1
_FSMOUNT_CLOEXEC: Final = 1
_FSCONFIG_SET_FLAG: Final = 0
_FSCONFIG_SET_STRING: Final = 1
_FSCONFIG_CMD_CREATE: Final = 6


class _MountAttr(ctypes.Structure):
    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


_int = ctypes.c_int
_text = ctypes.c_char_p
_mount = syscall("mount", _text, _text, _text, ctypes.c_ulong, _text)
_umount2 = syscall("umount2", _text, _int)
_pivot_root = syscall("pivot_root", _text, _text)
_open_tree = syscall("open_tree", _int, _text, ctypes.c_uint)
_move_mount = syscall("move_mount", _int, _text, _int, _text, ctypes.c_uint)
_mount_setattr = syscall(
    "mount_setattr", _int, _text, ctypes.c_uint, ctypes.POINTER(_MountAttr), ctypes.c_size_t
)
_fsopen = syscall("fsopen", _text, ctypes.c_uint)
_fsconfig = syscall("fsconfig", _int, ctypes.c_uint, _text, _text, _int)
_fsmount = syscall("fsmount", _int, ctypes.c_uint, ctypes.c_uint)


def _encoded(text: str | None) -> bytes | None:
    return None if text is None else os.fsencode(text)


def mount(
    source: str | None, target: str, fstype: str | None, flags: int, data: str | None = None
) -> None:
    """Attach or change a mount; give `/proc/self/fd/N` as target inside a container's tree."""
    if _mount(_encoded(source), os.fsencode(target), _encoded(fstype), flags, _encoded(data)) < 0:
        raise failure("mount", target)


def umount2(target: str, flags: int = 0) -> None:
    """Detach a mount; with MNT_DETACH at once, and clean up when the last user leaves."""
    if _umount2(os.fsencode(target), flags) < 0:
        raise failure("umount2", target)


def pivot_root(new_root: str, put_old: str) -> None:
    """Make `new_root` the root and move the old one to `put_old`; both may be "."."""
    if _pivot_root(os.fsencode(new_root), os.fsencode(put_old)) < 0:
        raise failure("pivot_root", new_root)


def open_tree(
    path: str = "", *, directory: int = AT_FDCWD, clone: bool = True, recursive: bool = False
) -> Fd:
    """A detached copy of the mount at `path` (with `recursive`: and of those below it).

    An empty path means the file of `directory` itself. With `clone=False` the attached mount is
    only opened (O_PATH). The copy is gone when the descriptor closes unless it was attached.
    """
    flags = os.O_CLOEXEC | (OPEN_TREE_CLONE if clone else 0) | (AT_RECURSIVE if recursive else 0)
    if not path:
        flags |= AT_EMPTY_PATH
    fd = _open_tree(directory, os.fsencode(path), flags)
    if fd < 0:
        raise failure("open_tree", path or None)
    return Fd(fd)


def move_mount(tree: int, target: int) -> None:
    """Attach the detached mount `tree` on the file or directory that `target` is a descriptor of.

    `tree` stays usable and then refers to the attached mount.
    """
    flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH
    if _move_mount(tree, b"", target, b"", flags) < 0:
        raise failure("move_mount")


def mount_setattr(
    tree: int,
    *,
    set_: int = 0,
    clear: int = 0,
    propagation: int = 0,
    recursive: bool = False,
    user_namespace: int = 0,
) -> None:
    """Change MOUNT_ATTR_* and propagation (MS_PRIVATE and its kin) of the mount `tree`.

    With `recursive`, all mounts below it change or none does. MOUNT_ATTR_IDMAP takes its mapping
    from `user_namespace`, and a mount that is not attached yet.
    """
    attributes = _MountAttr(set_, clear, propagation, user_namespace)
    flags = AT_EMPTY_PATH | (AT_RECURSIVE if recursive else 0)
    if _mount_setattr(tree, b"", flags, attributes, ctypes.sizeof(attributes)) < 0:
        raise failure("mount_setattr")


def fsopen(fstype: str) -> Fd:
    """A configuration context of the file system `fstype`."""
    fd = _fsopen(os.fsencode(fstype), _FSOPEN_CLOEXEC)
    if fd < 0:
        raise failure("fsopen", fstype)
    return Fd(fd)


def fsconfig_string(context: int, key: str, value: str) -> None:
    """Set one parameter. The kernel takes at most 255 bytes of value (EINVAL above)."""
    if _fsconfig(context, _FSCONFIG_SET_STRING, key.encode(), os.fsencode(value), 0) < 0:
        raise failure(f"fsconfig {key}", value)


def fsconfig_flag(context: int, key: str) -> None:
    """Set one parameter that has no value."""
    if _fsconfig(context, _FSCONFIG_SET_FLAG, key.encode(), None, 0) < 0:
        raise failure(f"fsconfig {key}")


def fsconfig_create(context: int) -> None:
    """Make the superblock from what was configured."""
    if _fsconfig(context, _FSCONFIG_CMD_CREATE, None, None, 0) < 0:
        raise failure("fsconfig create")


def fsmount(context: int, attributes: int = 0) -> Fd:
    """A detached mount of the configured superblock, with MOUNT_ATTR_* `attributes`.

    Its descriptor is also a directory descriptor of the mount's root.
    """
    fd = _fsmount(context, _FSMOUNT_CLOEXEC, attributes)
    if fd < 0:
        raise failure("fsmount")
    return Fd(fd)


def unescape(path: str) -> str:
    """A path as /proc/PID/mountinfo writes it: blanks and backslashes are octal. See: proc(5)."""
    if "\\" in path:
        for escaped, character in _ESCAPES:
            path = path.replace(escaped, character)
    return path
