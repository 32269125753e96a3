"""The container's PID 1, from fork to execve: the child's side of `launch.create`.

Only prepared data and kernel calls are used here; nothing is imported and nothing of the new root
is opened that the spec does not name.
"""

from __future__ import annotations

import contextlib
import os

from baleen.linux import mount as m
from baleen.linux import namespaces as ns
from baleen.linux.path import make_directory
from baleen.linux.pty import make_controlling
from baleen.linux.record import record
from baleen.runtime import devices, hardening, masks, reaper, rootfs, sync

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, NoReturn

    from baleen.linux.cgroup.driver import Cgroup
    from baleen.linux.fd import Fd
    from baleen.runtime.oci.parking import Parking
    from baleen.runtime.prepare import Prepared, Rootfs
    from baleen.runtime.spec import Spec

__all__ = ["InitPlan", "run", "run_through_intermediate"]

_MODE_OF_CWD: Final = 0o755


@record(frozen=True, slots=True)
class InitPlan:
    """All that PID 1 needs.

    Attributes:
        init: for PID 1 as a reaper: where its command line is in memory; else None.
        joined: (descriptor, CLONE_NEW*) of namespaces to join.
        cgroup_namespace: descriptor of one to join once in the cgroup, or -1.
        unshare: CLONE_NEW* of namespaces to make.
        channel: the child's end of the synchronisation socket.
        parking: where PID 1 waits once more, for a start by another process than its creator.
        new_keyring: leave the session keyring of whoever runs us.
    """

    spec: Spec
    process: Prepared
    bundle: str
    rootfs: Rootfs
    init: tuple[int, int, int] | None
    cgroup: Cgroup | None
    joined: tuple[tuple[int, int], ...]
    cgroup_namespace: int
    unshare: int
    unshare_cgroup: bool
    channel: int
    parking: Parking | None = None
    new_keyring: bool = True

    def descriptors(self) -> set[int]:
        """What must stay open after the fork."""
        keep = {self.channel, *(fd for fd, _ in self.joined), *self.process.preserved}
        keep.update(self.kept())
        if self.cgroup_namespace >= 0:
            keep.add(self.cgroup_namespace)
        stdio = self.process.stdio
        return keep | ({stdio.stdin, stdio.stdout, stdio.stderr} if stdio else set())

    def kept(self) -> tuple[int, ...]:
        """What stays open until execve."""
        return self.parking.descriptors() if self.parking is not None else ()


def run(plan: InitPlan) -> NoReturn:
    """Be the container's PID 1; never returns."""

    def body(channel: sync.Channel) -> None:
        sync.begin(plan.descriptors())
        _set_up(plan, channel)

    sync.child_main(plan.channel, body)


def run_through_intermediate(plan: InitPlan, pid_namespace: int) -> NoReturn:
    """Be the process on the host that enters a shared pid namespace and clones PID 1 there."""

    def body(channel: sync.Channel) -> None:
        sync.begin(plan.descriptors() | {pid_namespace})
        channel.stage = "joining the pid namespace"
        ns.setns(pid_namespace, ns.CLONE_NEWPID)
        os.close(pid_namespace)
        pid = ns.clone_sibling()
        if pid:
            channel.send(b"P%d" % pid)
            os._exit(0)
        sync.begin(plan.descriptors())
        _set_up(plan, channel)

    sync.child_main(plan.channel, body)


def _set_up(plan: InitPlan, channel: sync.Channel) -> None:
    spec, process = plan.spec, plan.process
    os.setsid()
    channel.stage = "joining namespaces"
    for fd, flag in plan.joined:
        ns.setns(fd, flag)
    channel.stage = "making namespaces"
    ns.unshare(plan.unshare)
    channel.send(sync.MESSAGE_NAMESPACES)
    channel.wait_for(sync.MESSAGE_CGROUP)
    _join_cgroup(plan, channel)
    channel.stage = "setting the host name"
    if spec.hostname:
        ns.sethostname(spec.hostname)
    if spec.domainname:
        ns.setdomainname(spec.domainname)
    if plan.new_keyring:
        channel.stage = "joining a session keyring"
        hardening.new_keyring()
    terminal = _build_root(plan, channel)
    if terminal is None:
        hardening.use_stdio(process, channel, plan.kept())
        channel.send(sync.MESSAGE_READY)
    else:
        master, slave = terminal
        channel.send_with_fd(sync.MESSAGE_READY, master.fileno())
        hardening.use_terminal(slave, process, channel, plan.kept())
        make_controlling(0)
    channel.wait_for(sync.MESSAGE_START)
    _execute(plan, channel)


def _join_cgroup(plan: InitPlan, channel: sync.Channel) -> None:
    channel.stage = "joining the cgroup"
    if plan.cgroup is not None:
        plan.cgroup.add(0)
    if plan.unshare_cgroup:
        ns.unshare(ns.CLONE_NEWCGROUP)
    elif plan.cgroup_namespace >= 0:
        ns.setns(plan.cgroup_namespace, ns.CLONE_NEWCGROUP)


def _build_root(plan: InitPlan, channel: sync.Channel) -> tuple[Fd, Fd] | None:
    """Make the tree and go into it; returns the terminal's two ends if one is wanted."""
    spec = plan.spec
    channel.stage = "opening the sources of mounts"
    sources = rootfs.open_bind_sources(spec.mounts, plan.bundle)
    channel.stage = "making mounts private"
    m.mount(None, "/", None, m.MS_SLAVE | m.MS_REC)
    channel.stage = "mounting the root file system"
    root = rootfs.mount_root(plan.rootfs)
    channel.stage = "mounting"
    read_only = rootfs.mount_all(
        root, spec.mounts, sources, own_cgroup_namespace="cgroup" in spec.namespaces
    )
    channel.stage = "making devices"
    devices.make_devices(root, spec.mounts, spec.devices)
    channel.stage = "opening the terminal"
    terminal = None
    if plan.process.terminal:
        terminal = devices.open_terminal(root.fileno())
        devices.bind_console(root, terminal[1])
    channel.stage = "making the working directory"
    # As with runc; what is wrong with the path is told when it is entered.
    with contextlib.suppress(OSError):
        make_directory(root.fileno(), plan.process.cwd, _MODE_OF_CWD).close()
    channel.stage = "writing sysctls"
    masks.write_sysctls(spec.sysctl)
    channel.stage = "protecting paths"
    masks.protect(root, spec.readonly_paths)
    if spec.masked_paths:
        with devices.null_device(root) as null:
            masks.mask(root, spec.masked_paths, null)
    rootfs.make_read_only(root, read_only)
    channel.stage = "changing the root"
    rootfs.change_root(root, read_only=spec.root_readonly, propagation=spec.rootfs_propagation)
    root.close()
    return terminal


def _execute(plan: InitPlan, channel: sync.Channel) -> None:
    process = plan.process
    channel.stage = "entering the working directory"
    hardening.change_directory(process.cwd)
    channel.stage = "taking user and capabilities"
    hardening.become(process)
    channel.stage = "exec"
    path = hardening.find_executable(os.fsdecode(process.argv[0]), process.search)
    if plan.parking is not None:
        plan.parking.wait(channel)
    channel.stage = "installing the seccomp filter"
    hardening.filter_syscalls(process)
    channel.stage = "exec"
    if plan.init is not None:
        shown = b"\0".join((b"baleen-init", b"--", *process.argv)) + b"\0"
        reaper.reap_for(channel, lambda: hardening.execute(path, process), (plan.init, shown))
    hardening.execute(path, process)
