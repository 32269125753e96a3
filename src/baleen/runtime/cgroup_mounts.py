"""The container's view of control groups at /sys/fs/cgroup.

On the unified hierarchy it is one cgroup2 mount, or a bind of the own group where a user namespace
may not mount that. On version 1 it is a tmpfs with one directory for
each hierarchy: a bind of the container's own group, or with a cgroup namespace a cgroup mount,
whose root then is that group. Names that share a hierarchy (cpu,cpuacct) get links.

See: cgroups(7), cgroup_namespaces(7), OCI runtime-spec config.md Mounts (cgroup).
"""

from __future__ import annotations

import os

from baleen.linux import mount as m
from baleen.linux.files import CGROUP2_SUPER_MAGIC, filesystem_magic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from baleen.linux.fd import Fd
    from baleen.runtime.mount_options import MountOptions
    from baleen.runtime.spec import Mount

__all__ = ["Hierarchy", "mount_cgroup", "own_group", "parse_hierarchies"]

_ROOT: Final = "/sys/fs/cgroup"
_DIRECTORY: Final = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC


class Hierarchy:
    """One version 1 hierarchy: its controllers as mounted, and where our group is."""

    __slots__ = ("controllers", "group")

    def __init__(self, controllers: str, group: str) -> None:
        self.controllers = controllers
        self.group = group

    @property
    def directory(self) -> str:
        """The name below /sys/fs/cgroup: named hierarchies drop their "name="."""
        return self.controllers.removeprefix("name=")


def parse_hierarchies(text: str) -> list[Hierarchy]:
    """The version 1 lines of /proc/PID/cgroup ("id:controllers:path"), see cgroups(7)."""
    result = []
    for line in text.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if controllers:
            result.append(Hierarchy(controllers, group))
    return result


def own_group(text: str) -> str:
    """The path of the version 2 line of /proc/PID/cgroup, "/" if there is none."""
    for line in text.splitlines():
        if line.startswith("0::/"):
            return line.removeprefix("0::")
    return "/"


def _read(path: str) -> str:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, 65536).decode()
    finally:
        os.close(fd)


def _is_unified() -> bool:
    fd = os.open(_ROOT, _DIRECTORY)
    try:
        return filesystem_magic(fd) == CGROUP2_SUPER_MAGIC
    finally:
        os.close(fd)


def _flags(options: MountOptions) -> int:
    return options.flags & (m.MS_NOSUID | m.MS_NODEV | m.MS_NOEXEC | m.MS_NOATIME | m.MS_RELATIME)


def _mount_v1(target: Fd, mount: Mount, *, own_namespace: bool) -> None:
    hierarchies = parse_hierarchies(_read("/proc/self/cgroup"))
    flags = _flags(mount.options)
    with m.fsopen("tmpfs") as context:
        m.fsconfig_string(context.fileno(), "source", "tmpfs")
        m.fsconfig_string(context.fileno(), "mode", "755")
        m.fsconfig_create(context.fileno())
        tree = m.fsmount(context.fileno())
    with tree:
        for hierarchy in hierarchies:
            os.mkdir(hierarchy.directory, 0o755, dir_fd=tree.fileno())
            for name in hierarchy.directory.split(","):
                if name != hierarchy.directory:
                    os.symlink(hierarchy.directory, name, dir_fd=tree.fileno())
        m.move_mount(tree.fileno(), target.fileno())
        place = f"/proc/self/fd/{tree.fileno()}"
        for hierarchy in hierarchies:
            inside = f"{place}/{hierarchy.directory}"
            if own_namespace:
                m.mount("cgroup", inside, "cgroup", flags, hierarchy.controllers)
            else:
                m.mount(f"{_ROOT}/{hierarchy.directory}{hierarchy.group}", inside, None, m.MS_BIND)
        attributes = m.MOUNT_ATTR_NOSUID | m.MOUNT_ATTR_NODEV | m.MOUNT_ATTR_NOEXEC
        if mount.options.flags & m.MS_RDONLY:
            attributes |= m.MOUNT_ATTR_RDONLY
        m.mount_setattr(tree.fileno(), set_=attributes, recursive=True)
        m.mount_setattr(tree.fileno(), propagation=m.MS_PRIVATE, recursive=True)


def mount_cgroup(target: Fd, mount: Mount, *, own_namespace: bool) -> None:
    """Mount the view on `target`, with the flags of `mount`."""
    if not _is_unified():
        _mount_v1(target, mount, own_namespace=own_namespace)
        return
    flags = mount.options.flags & (m.MS_RDONLY | m.MS_NOSUID | m.MS_NODEV | m.MS_NOEXEC)
    place = f"/proc/self/fd/{target.fileno()}"
    try:
        m.mount("cgroup", place, "cgroup2", flags | m.MS_RELATIME)
    except PermissionError:
        # A user namespace without a cgroup namespace has no right to the hierarchy as a whole.
        _bind_own_group(target, flags)


def _bind_own_group(target: Fd, flags: int) -> None:
    with m.open_tree(_ROOT + own_group(_read("/proc/self/cgroup"))) as tree:
        attributes = m.MOUNT_ATTR_NOSUID | m.MOUNT_ATTR_NODEV | m.MOUNT_ATTR_NOEXEC
        if flags & m.MS_RDONLY:
            attributes |= m.MOUNT_ATTR_RDONLY
        m.mount_setattr(tree.fileno(), set_=attributes, propagation=m.MS_PRIVATE)
        m.move_mount(tree.fileno(), target.fileno())
