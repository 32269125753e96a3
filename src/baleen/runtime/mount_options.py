"""The option strings of OCI mounts and what they ask of the kernel.

See: OCI runtime-spec config.md, Linux mount options; mount(8); mount_setattr(2).
"""

from __future__ import annotations

from baleen.linux import mount as m
from baleen.linux.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

__all__ = ["PROPAGATION", "MountOptions", "attributes", "known_options", "parse_options"]

# name -> (MS_ flag, True to set it or False to clear it)
_FLAGS: Final = {
    "async": (m.MS_SYNCHRONOUS, False),
    "atime": (m.MS_NOATIME, False),
    "defaults": (0, True),
    "dev": (m.MS_NODEV, False),
    "diratime": (m.MS_NODIRATIME, False),
    "dirsync": (m.MS_DIRSYNC, True),
    "exec": (m.MS_NOEXEC, False),
    "iversion": (m.MS_I_VERSION, True),
    "lazytime": (m.MS_LAZYTIME, True),
    "loud": (m.MS_SILENT, False),
    "mand": (m.MS_MANDLOCK, True),
    "noatime": (m.MS_NOATIME, True),
    "nodev": (m.MS_NODEV, True),
    "nodiratime": (m.MS_NODIRATIME, True),
    "noexec": (m.MS_NOEXEC, True),
    "noiversion": (m.MS_I_VERSION, False),
    "nolazytime": (m.MS_LAZYTIME, False),
    "nomand": (m.MS_MANDLOCK, False),
    "norelatime": (m.MS_RELATIME, False),
    "nostrictatime": (m.MS_STRICTATIME, False),
    "nosuid": (m.MS_NOSUID, True),
    "nosymfollow": (m.MS_NOSYMFOLLOW, True),
    "relatime": (m.MS_RELATIME, True),
    "remount": (m.MS_REMOUNT, True),
    "ro": (m.MS_RDONLY, True),
    "rw": (m.MS_RDONLY, False),
    "silent": (m.MS_SILENT, True),
    "strictatime": (m.MS_STRICTATIME, True),
    "suid": (m.MS_NOSUID, False),
    "symfollow": (m.MS_NOSYMFOLLOW, False),
    "sync": (m.MS_SYNCHRONOUS, True),
}

PROPAGATION: Final = {
    "private": m.MS_PRIVATE,
    "rprivate": m.MS_PRIVATE | m.MS_REC,
    "shared": m.MS_SHARED,
    "rshared": m.MS_SHARED | m.MS_REC,
    "slave": m.MS_SLAVE,
    "rslave": m.MS_SLAVE | m.MS_REC,
    "unbindable": m.MS_UNBINDABLE,
    "runbindable": m.MS_UNBINDABLE | m.MS_REC,
}

# name -> (MOUNT_ATTR_ to set, MOUNT_ATTR_ to clear), for the whole tree
_RECURSIVE: Final = {
    "rro": (m.MOUNT_ATTR_RDONLY, 0),
    "rrw": (0, m.MOUNT_ATTR_RDONLY),
    "rnosuid": (m.MOUNT_ATTR_NOSUID, 0),
    "rsuid": (0, m.MOUNT_ATTR_NOSUID),
    "rnodev": (m.MOUNT_ATTR_NODEV, 0),
    "rdev": (0, m.MOUNT_ATTR_NODEV),
    "rnoexec": (m.MOUNT_ATTR_NOEXEC, 0),
    "rexec": (0, m.MOUNT_ATTR_NOEXEC),
    "rnodiratime": (m.MOUNT_ATTR_NODIRATIME, 0),
    "rdiratime": (0, m.MOUNT_ATTR_NODIRATIME),
    "rnosymfollow": (m.MOUNT_ATTR_NOSYMFOLLOW, 0),
    "rsymfollow": (0, m.MOUNT_ATTR_NOSYMFOLLOW),
    "rrelatime": (m.MOUNT_ATTR_RELATIME, m.MOUNT_ATTR__ATIME),
    "rnorelatime": (m.MOUNT_ATTR_STRICTATIME, m.MOUNT_ATTR__ATIME),
    "rnoatime": (m.MOUNT_ATTR_NOATIME, m.MOUNT_ATTR__ATIME),
    "ratime": (m.MOUNT_ATTR_RELATIME, m.MOUNT_ATTR__ATIME),
    "rstrictatime": (m.MOUNT_ATTR_STRICTATIME, m.MOUNT_ATTR__ATIME),
    "rnostrictatime": (m.MOUNT_ATTR_RELATIME, m.MOUNT_ATTR__ATIME),
}

# MS_ flags that belong to a mount, not to a file system, and their MOUNT_ATTR_ twin
_ATTRIBUTES: Final = {
    m.MS_RDONLY: m.MOUNT_ATTR_RDONLY,
    m.MS_NOSUID: m.MOUNT_ATTR_NOSUID,
    m.MS_NODEV: m.MOUNT_ATTR_NODEV,
    m.MS_NOEXEC: m.MOUNT_ATTR_NOEXEC,
    m.MS_NODIRATIME: m.MOUNT_ATTR_NODIRATIME,
    m.MS_NOSYMFOLLOW: m.MOUNT_ATTR_NOSYMFOLLOW,
}
_ATIME: Final = {
    m.MS_NOATIME: m.MOUNT_ATTR_NOATIME,
    m.MS_RELATIME: m.MOUNT_ATTR_RELATIME,
    m.MS_STRICTATIME: m.MOUNT_ATTR_STRICTATIME,
}
_OWN: Final = ("bind", "rbind", "idmap", "ridmap", "tmpcopyup")


@record(frozen=True, slots=True)
class MountOptions:
    """Parsed options of one mount.

    Attributes:
        flags: MS_* to set. `clear`: MS_* asked off, which matters for binds only.
        propagation: MS_PRIVATE and its kin, with MS_REC for the recursive forms, in order.
        recursive_set, recursive_clear: MOUNT_ATTR_* for the mount and all below it.
        data: what is left for the file system itself, comma separated.
        idmap, recursive_idmap: owners are mapped, of the mount or of all below it too.
        copy_up: a tmpfs gets what the directory below it has.
    """

    flags: int
    clear: int
    propagation: tuple[int, ...]
    recursive_set: int
    recursive_clear: int
    bind: bool
    recursive_bind: bool
    data: str
    idmap: bool = False
    recursive_idmap: bool = False
    copy_up: bool = False

    @property
    def remount(self) -> bool:
        """Whether a mount that is there already is to change."""
        return bool(self.flags & m.MS_REMOUNT)


def parse_options(options: Iterable[str]) -> MountOptions:
    """Sort the option strings; unknown ones go to the file system."""
    flags = clear = recursive_set = recursive_clear = 0
    propagation: list[int] = []
    data: list[str] = []
    own: tuple[str, ...] = ()
    for option in options:
        if option in _FLAGS:
            flag, on = _FLAGS[option]
            flags, clear = (flags | flag, clear & ~flag) if on else (flags & ~flag, clear | flag)
        elif option in PROPAGATION:
            propagation.append(PROPAGATION[option])
        elif option in _RECURSIVE:
            on_attr, off_attr = _RECURSIVE[option]
            recursive_set = recursive_set & ~off_attr | on_attr
            recursive_clear = recursive_clear & ~on_attr | off_attr
        elif option in _OWN:
            own += (option,)
        elif option:
            data.append(option)
    return MountOptions(
        flags=flags,
        clear=clear,
        propagation=tuple(propagation),
        recursive_set=recursive_set,
        recursive_clear=recursive_clear,
        bind="bind" in own or "rbind" in own,
        recursive_bind="rbind" in own,
        data=",".join(data),
        idmap="idmap" in own or "ridmap" in own,
        recursive_idmap="ridmap" in own,
        copy_up="tmpcopyup" in own,
    )


def attributes(options: MountOptions) -> tuple[int, int]:
    """(set, clear) for mount_setattr(2): the part of MS_* flags that a mount has of its own."""
    on = off = 0
    for flag, attribute in _ATTRIBUTES.items():
        if options.flags & flag:
            on |= attribute
        elif options.clear & flag:
            off |= attribute
    for flag, attribute in _ATIME.items():
        if options.flags & flag:
            on = on & ~m.MOUNT_ATTR__ATIME | attribute
            off |= m.MOUNT_ATTR__ATIME
    return on, off


def known_options() -> list[str]:
    """The option strings with a meaning of their own here, sorted."""
    return sorted({*_FLAGS, *PROPAGATION, *_RECURSIVE, *_OWN})
