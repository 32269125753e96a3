"""Entering a container's user namespace: the last steps with the host's rights.

A process that lives in a user namespace may not use directories, devices, control groups and
namespaces of the host that are not its own. So the intermediate process, which still may, opens
the root, the sources of binds and the device nodes as detached mounts, and joins the namespaces
that have a path; then it becomes root of the user namespace, and what PID 1 makes from then on
belongs to that::

    intermediate, on the host      sources, root, nodes, joined namespaces, time offsets
    joins the user namespace       and is its user 0
    unshare(pid), clone ──────► PID 1: unshare(mount, network, uts, ipc)
    parent, on the host            puts PID 1 into the control group
                                PID 1: unshare(cgroup), attach, mount

Loaded only for documents with a user namespace. See: user_namespaces(7); runc's nsexec.c has the
same order.
"""

from __future__ import annotations

import os
import stat

from baleen.linux import capabilities
from baleen.linux import namespaces as ns
from baleen.linux.record import record
from baleen.runtime import devices, hardening, rootfs
from baleen.runtime.id_mapping import IdMapping, IdMappings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from baleen.linux.fd import Fd
    from baleen.runtime.init_process import InitPlan
    from baleen.runtime.prepare import Stdio
    from baleen.runtime.rootfs import BindSources
    from baleen.runtime.sync import Channel

__all__ = ["OpenedTree", "all_capabilities", "enter", "give_streams", "mappings_of"]

# 340 lines of three numbers, see id_mapping.
_MAP_BYTES: Final = 340 * 33


@record(frozen=True, slots=True)
class OpenedTree:
    """Detached mounts that were opened on the host: the root, sources of binds, device nodes."""

    root: Fd
    sources: BindSources
    nodes: dict[str, Fd]

    def descriptors(self) -> set[int]:
        """What must stay open for PID 1."""
        fds = (self.root, *self.sources.values(), *self.nodes.values())
        return {fd.fileno() for fd in fds}


def all_capabilities() -> int:
    """What a process in a new user namespace has: each one that the kernel knows."""
    return (1 << capabilities.last_cap() + 1) - 1


def enter(plan: InitPlan, channel: Channel) -> OpenedTree:
    """Do all that needs the host's rights, then give them up. Raises OSError, LaunchError."""
    spec = plan.spec
    channel.stage = "opening the sources of mounts"
    sources = rootfs.open_bind_sources(spec.mounts, plan.bundle, plan.id_mapped)
    channel.stage = "opening the root file system"
    root = rootfs.open_root(plan.rootfs, plan.user_namespace, plan.spec.mount_label)
    channel.stage = "opening devices"
    nodes = devices.open_nodes(spec.mounts, spec.devices)
    if spec.id_mappings is not None and plan.process.stdio is not None:
        give_streams(plan.process.stdio, spec.id_mappings, plan.process.user.uid)
    channel.stage = "joining namespaces"
    for fd, flag in plan.joined:
        ns.setns(fd, flag)
    if plan.cgroup_namespace >= 0:
        ns.setns(plan.cgroup_namespace, ns.CLONE_NEWCGROUP)
    if plan.pid_namespace >= 0:
        ns.setns(plan.pid_namespace, ns.CLONE_NEWPID)
    channel.stage = "making namespaces"
    if plan.fork_unshare & ns.CLONE_NEWTIME:
        ns.unshare(ns.CLONE_NEWTIME)
        ns.set_time_offsets(spec.time_offsets)
    channel.stage = "entering the user namespace"
    ns.setns(plan.user_namespace, ns.CLONE_NEWUSER)
    hardening.become_root()
    if plan.fork_unshare & ns.CLONE_NEWPID:
        ns.unshare(ns.CLONE_NEWPID)
    return OpenedTree(root, sources, nodes)


def give_streams(stdio: Stdio, mappings: IdMappings, uid: int) -> None:
    """Let the container's user `uid`, as the host knows it, own pipes it may want to reopen."""
    user, group = mappings.host_uid(uid), mappings.host_gid(0)
    if user is None or group is None:
        return
    for fd in (stdio.stdin, stdio.stdout, stdio.stderr):
        mode = os.fstat(fd).st_mode
        if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
            os.fchown(fd, user, group)


def mappings_of(pid: int) -> IdMappings:
    """The mappings of the user namespace that a process is in, as our own namespace sees them.

    Raises OSError when it has ended.
    """

    def read(name: str) -> tuple[IdMapping, ...]:
        fd = os.open(f"/proc/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            lines = os.read(fd, _MAP_BYTES).decode("ascii").splitlines()
        finally:
            os.close(fd)
        return tuple(IdMapping(*map(int, line.split())) for line in lines)

    return IdMappings(read("uid_map"), read("gid_map"))
