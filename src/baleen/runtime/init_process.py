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
from baleen.linux.record import record, replace
from baleen.linux.seccomp import SECCOMP_FILTER_FLAG_NEW_LISTENER
from baleen.linux.user_namespace import in_first_user_namespace
from baleen.runtime import devices, hardening, masks, rootfs, sync
from baleen.runtime.prepare import LATER, Stdio
from baleen.runtime.tiny_init import INHERITED_CHANNEL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final, NoReturn

    from baleen.linux.cgroup.driver import Cgroup
    from baleen.linux.fd import Fd
    from baleen.runtime.hooks import HookRunner
    from baleen.runtime.oci.parking import Parking
    from baleen.runtime.prepare import Prepared, Rootfs
    from baleen.runtime.spec import Spec
    from baleen.runtime.user_namespace import OpenedTree
    from baleen.runtime.warm_tree import TreePlan, WarmTree

__all__ = ["InitPlan", "finish", "run", "run_through_intermediate"]

_MODE_OF_CWD: Final = 0o755


@record(frozen=True, slots=True)
class InitPlan:
    """All that PID 1 needs.

    Attributes:
        init: for a PID 1 that is our own init its program's descriptor and command line, else None.
        joined: (descriptor, CLONE_NEW*) of namespaces to join.
        cgroup_namespace: descriptor of one to join once in the cgroup, or -1.
        unshare: CLONE_NEW* of namespaces to make.
        channel: the child's end of the synchronisation socket.
        parking: where PID 1 waits once more, for a start by another process than its creator.
        new_keyring: leave the session keyring of whoever runs us.
        pivot: change the root by pivot_root(2).
        hooks: None if there are none.
        user_namespace, pid_namespace: descriptors of those to join before PID 1 is cloned, or -1.
        fork_unshare: CLONE_NEW* to make before that; 0 if our parent has done it.
        id_mapped: descriptor of the user namespace by the place of each mount that maps owners.
        warm_tree: what was made ahead of /proc, /sys and /dev, if it fits.
    """

    spec: Spec
    process: Prepared
    bundle: str
    rootfs: Rootfs
    init: tuple[int, tuple[bytes, ...]] | None
    cgroup: Cgroup | None
    joined: tuple[tuple[int, int], ...]
    cgroup_namespace: int
    unshare: int
    unshare_cgroup: bool
    channel: int
    parking: Parking | None = None
    new_keyring: bool = True
    pivot: bool = True
    hooks: HookRunner | None = None
    id_mapped: Mapping[int, int] | None = None
    user_namespace: int = -1
    pid_namespace: int = -1
    fork_unshare: int = 0
    warm_tree: WarmTree | None = None

    def descriptors(self) -> set[int]:
        """What must stay open after the fork."""
        keep = {self.channel, *(fd for fd, _ in self.joined), *self.process.preserved}
        keep.update(self.kept())
        if self.cgroup_namespace >= 0:
            keep.add(self.cgroup_namespace)
        if self.id_mapped:
            keep.update(self.id_mapped.values())
        stdio = self.process.stdio
        return keep | ({stdio.stdin, stdio.stdout, stdio.stderr} if stdio else set())

    def kept(self) -> tuple[int, ...]:
        """What stays open until execve."""
        parked = self.parking.descriptors() if self.parking is not None else ()
        return parked if self.init is None else (*parked, self.init[0])


def run(plan: InitPlan) -> NoReturn:
    """Be the container's PID 1; never returns."""

    def body(channel: sync.Channel) -> None:
        sync.begin(plan.descriptors())
        _set_up(plan, channel)

    sync.child_main(plan.channel, body)


def run_through_intermediate(plan: InitPlan) -> NoReturn:
    """Be the process on the host that enters a pid or user namespace and clones PID 1 there."""

    def body(channel: sync.Channel) -> None:
        entries = {fd for fd in (plan.user_namespace, plan.pid_namespace) if fd >= 0}
        sync.begin(plan.descriptors() | entries)
        tree = _enter(plan, channel)
        pid = ns.clone_sibling()
        if pid:
            channel.send(b"P%d" % pid)
            os._exit(0)
        opened = set() if tree is None else tree.descriptors()
        sync.begin(plan.descriptors() | opened)
        _set_up(plan, channel, tree)

    sync.child_main(plan.channel, body)


def _enter(plan: InitPlan, channel: sync.Channel) -> OpenedTree | None:
    """Have the next child land in the namespaces that only children can be in."""
    if plan.user_namespace >= 0:
        from baleen.runtime.user_namespace import enter  # loaded when the document was read

        return enter(plan, channel)
    channel.stage = "joining the pid namespace"
    ns.setns(plan.pid_namespace, ns.CLONE_NEWPID)
    if plan.fork_unshare:
        ns.unshare(plan.fork_unshare)
        ns.set_time_offsets(plan.spec.time_offsets)
    return None


def _set_up(plan: InitPlan, channel: sync.Channel, tree: OpenedTree | None = None) -> NoReturn:
    os.setsid()
    channel.stage = "joining namespaces"
    if tree is None:
        for fd, flag in plan.joined:
            ns.setns(fd, flag)
    channel.stage = "making namespaces"
    ns.unshare(plan.unshare)
    channel.send(sync.MESSAGE_NAMESPACES)
    finish(plan, channel, tree)


def finish(plan: InitPlan, channel: sync.Channel, tree: OpenedTree | None = None) -> NoReturn:
    """Be PID 1 from the moment in which the namespaces are there; never returns but raises.

    The channel, the standard streams and what the plan lists are all that is open.
    """
    spec, process = plan.spec, plan.process
    channel.wait_for(sync.MESSAGE_CGROUP)
    _join_cgroup(plan, channel, entered=tree is not None)
    channel.stage = "setting the host name"
    if spec.hostname:
        ns.sethostname(spec.hostname)
    if spec.domainname:
        ns.setdomainname(spec.domainname)
    if plan.new_keyring:
        channel.stage = "joining a session keyring"
        if process.labels is not None:
            process.labels.label_keys()
        hardening.new_keyring()
    terminal = _build_root(plan, channel, tree)
    if process.stdio is LATER:
        channel.stage = "taking the standard streams"
        message, fds = channel.receive()
        assert message == sync.MESSAGE_STREAMS, message
        process = replace(process, stdio=Stdio(*fds) if fds else None)
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


def _join_cgroup(plan: InitPlan, channel: sync.Channel, *, entered: bool) -> None:
    channel.stage = "joining the cgroup"
    if plan.cgroup is not None and not entered:
        plan.cgroup.add(0)
    if plan.unshare_cgroup:
        ns.unshare(ns.CLONE_NEWCGROUP)
    elif plan.cgroup_namespace >= 0 and not entered:
        ns.setns(plan.cgroup_namespace, ns.CLONE_NEWCGROUP)


def _build_root(
    plan: InitPlan, channel: sync.Channel, tree: OpenedTree | None
) -> tuple[Fd, Fd] | None:
    """Make the tree and go into it; returns the terminal's two ends if one is wanted."""
    spec = plan.spec
    if tree is None:
        channel.stage = "opening the sources of mounts"
        sources = rootfs.open_bind_sources(spec.mounts, plan.bundle, plan.id_mapped)
    else:
        root, sources = tree.root, tree.sources
    channel.stage = "making mounts private"
    m.mount(None, "/", None, m.MS_SLAVE | m.MS_REC)
    channel.stage = "mounting the root file system"
    if tree is None:
        root = rootfs.mount_root(plan.rootfs, spec.mount_label)
    else:
        # Its own directory may be one that the user namespace's users cannot reach.
        rootfs.attach_root(root, "/")
    channel.stage = "mounting"
    made = _attach_warm_tree(plan, root)
    read_only = rootfs.mount_all(
        root,
        spec.mounts,
        sources,
        own_cgroup_namespace="cgroup" in spec.namespaces,
        label=spec.mount_label,
        made=() if made is None else made.mounts,
    )
    if made is None:
        channel.stage = "making devices"
        _make_devices(spec, root, tree)
    channel.stage = "opening the terminal"
    terminal = None
    if plan.process.terminal:
        terminal = devices.open_terminal(root.fileno())
        devices.bind_console(root, terminal[1])
    channel.stage = "making the working directory"
    # As with runc; what is wrong with the path is told when it is entered.
    with contextlib.suppress(OSError):
        make_directory(root.fileno(), plan.process.cwd, _MODE_OF_CWD).close()
    if plan.hooks is not None:
        _run_create_hooks(plan.hooks, channel, root)
    channel.stage = "writing sysctls"
    masks.write_sysctls(spec.sysctl, plan.warm_tree.proc if plan.warm_tree is not None else None)
    if plan.process.labels is not None:
        channel.stage = "security labels"
        plan.process.labels.apply()
    if made is None:
        channel.stage = "protecting paths"
        masks.protect_and_mask(root, spec.readonly_paths, spec.masked_paths)
    rootfs.make_read_only(root, read_only)
    channel.stage = "changing the root"
    rootfs.change_root(
        root,
        read_only=spec.root_readonly,
        propagation=spec.rootfs_propagation,
        pivot=plan.pivot,
    )
    root.close()
    return terminal


def _make_devices(spec: Spec, root: Fd, tree: OpenedTree | None) -> None:
    if tree is not None:
        nodes = tree.nodes
    elif in_first_user_namespace():
        nodes = None
    else:
        nodes = devices.open_nodes(spec.mounts, spec.devices)
    devices.make_devices(root, spec.mounts, spec.devices, nodes)


def _attach_warm_tree(plan: InitPlan, root: Fd) -> TreePlan | None:
    """Attach what was made ahead, if it fits; returns what that is."""
    warm = plan.warm_tree
    if warm is None:
        return None
    if not warm.fits(plan.spec, root, has_group=plan.cgroup is None):
        warm.close()
        return None
    warm.attach(root)
    return warm.plan


def _run_create_hooks(hooks: HookRunner, channel: sync.Channel, root: Fd) -> None:
    """Have those on the host run, then run those in here; the tree is made but not entered."""
    channel.stage = "waiting for hooks"
    if hooks.has("prestart", "createRuntime"):
        channel.send(sync.MESSAGE_MOUNTED)
        channel.wait_for(sync.MESSAGE_HOOKS)
    if hooks.has("createContainer"):
        os.fchdir(root.fileno())
        hooks.run("createContainer", "creating", os.getpid())


def _execute(plan: InitPlan, channel: sync.Channel) -> NoReturn:
    process = plan.process
    hands_over = bool(process.seccomp_flags & SECCOMP_FILTER_FLAG_NEW_LISTENER)
    if plan.init is not None and not process.is_ready_before_init:
        if plan.spec.domain is not None:
            plan.spec.domain.apply()
        if plan.hooks is not None:
            plan.hooks.run("startContainer", "created", os.getpid())
        _execute_init(channel, *plan.init)
    channel.stage = "entering the working directory"
    hardening.change_directory(process.cwd)
    channel.stage = "taking user and capabilities"
    if plan.spec.domain is not None:
        plan.spec.domain.apply()
    hand_over = None
    if hands_over:
        hand_over = lambda fd: _hand_over(channel, fd)  # noqa: E731
    hardening.become(process, hand_over)
    if plan.parking is not None:
        channel.stage = "exec"
        hardening.find_executable(os.fsdecode(process.argv[0]), process.search)
        plan.parking.wait(channel)
    if plan.hooks is not None:
        plan.hooks.run("startContainer", "created", os.getpid())
    channel.stage = "exec"
    path = hardening.find_executable(os.fsdecode(process.argv[0]), process.search)
    channel.stage = "installing the seccomp filter"
    hardening.filter_syscalls(process, hand_over)
    if plan.init is not None:
        _execute_init(channel, *plan.init)
    channel.stage = "exec"
    hardening.execute(path, process)


def _execute_init(channel: sync.Channel, program: int, argv: tuple[bytes, ...]) -> NoReturn:
    """Execute our own init, which does the rest."""
    channel.stage = "executing the init"
    os.dup2(channel.fd, INHERITED_CHANNEL, inheritable=True)
    os.execve(program, argv, {})  # noqa: S606  # a shell is not wanted


def _hand_over(channel: sync.Channel, listener: int) -> None:
    """Let our parent take the listener from us: under the filter, sendmsg may be notified of."""
    channel.stage = "handing over the seccomp listener"
    channel.send(b"%b%d" % (sync.MESSAGE_LISTENER, listener))
    channel.wait_for(sync.MESSAGE_LISTENER)
