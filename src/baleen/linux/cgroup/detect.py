"""Finds which layout of control groups this host has and returns its driver."""

from __future__ import annotations

import os
import re

from baleen.linux.cgroup.driver import CgroupError
from baleen.linux.cgroup.files import read
from baleen.linux.record import field, record
from baleen.linux.user_namespace import in_first_user_namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.linux.cgroup.driver import CgroupDriver

__all__ = ["Layout", "detect", "parse_mountinfo"]

_CONTROLLERS = frozenset(
    {
        "blkio",
        "cpu",
        "cpuacct",
        "cpuset",
        "devices",
        "freezer",
        "hugetlb",
        "memory",
        "misc",
        "net_cls",
        "net_prio",
        "perf_event",
        "pids",
        "rdma",
    }
)
_ESCAPE = re.compile(r"\\([0-7]{3})")


@record(slots=True)
class Layout:
    """The cgroup file systems below one directory.

    Attributes:
        hierarchies: v1 mount points and their controllers; a named one has none.
        unified: the v2 mount point, or None.
    """

    hierarchies: dict[str, frozenset[str]] = field(default_factory=dict)
    unified: str | None = None


def parse_mountinfo(text: str, root: str) -> Layout:
    """Reads /proc/self/mountinfo; each hierarchy counts once although mounted twice.

    See: proc_pid_mountinfo(5).
    """
    layout = Layout()
    seen: set[str] = set()
    for line in text.splitlines():
        fields, separator, tail = line.partition(" - ")
        parts = fields.split(" ")
        kind, _, rest = tail.partition(" ")
        if not separator or kind not in ("cgroup", "cgroup2") or len(parts) < 6:
            continue
        device = parts[2]
        mount = _ESCAPE.sub(lambda match: chr(int(match[1], 8)), parts[4])
        if device in seen or not (mount == root or mount.startswith(root + "/")):
            continue
        seen.add(device)
        if kind == "cgroup2":
            layout.unified = mount
        else:
            options = rest.rpartition(" ")[2].split(",")
            layout.hierarchies[mount] = _CONTROLLERS.intersection(options)
    return layout


def detect(root: str = "/sys/fs/cgroup") -> CgroupDriver:
    """Returns the driver for what is mounted below `root`, found in /proc/self/mountinfo.

    An ordinary user, even as root of a user namespace, has only what was delegated to it: without
    that, the driver makes no groups. Else, without v1 hierarchies a cgroup2 file system is the
    unified layout (v2). Otherwise the v1 driver uses every v1 hierarchy found and joins a mounted
    unified hierarchy too (hybrid). Where systemd runs, the driver for v2 makes groups through it
    too, see `systemd.py`. Reads one file of /proc; call it once and keep the driver.

    Raises:
        CgroupError: no hierarchy is mounted.
    """
    layout = parse_mountinfo(read("/proc/self/mountinfo").decode("utf-8", "replace"), root)
    # A process loads only the driver of its host.
    if not in_first_user_namespace() and not _is_delegated(layout):
        from baleen.linux.cgroup.absent import AbsentDriver

        return AbsentDriver(1 if layout.hierarchies or layout.unified is None else 2)
    if layout.hierarchies:
        from baleen.linux.cgroup.v1 import V1Driver

        return V1Driver(layout.hierarchies, layout.unified)
    if layout.unified is not None:
        if os.path.isdir("/run/systemd/system"):  # see sd_booted(3)
            from baleen.linux.cgroup.systemd import SystemdDriver

            return SystemdDriver(layout.unified)
        from baleen.linux.cgroup.v2 import V2Driver

        return V2Driver(layout.unified)
    raise CgroupError(
        "detect",
        f"no cgroup hierarchy is mounted below {root}",
        hint="mount cgroup2 there, or the v1 controllers below it",
    )


def _is_delegated(layout: Layout) -> bool:
    """Whether groups can be made, and processes be moved, in every hierarchy at its root."""
    mounts = list(layout.hierarchies) or ([layout.unified] if layout.unified else [])
    return bool(mounts) and all(
        os.access(mount, os.W_OK) and os.access(mount + "/cgroup.procs", os.W_OK)
        for mount in mounts
    )
