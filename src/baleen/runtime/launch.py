"""Making containers and running processes in them: the parent's side of every launch.

::

    create()                                   S, the caller, one thread, on the host
      unshare(pid[, time]) ── fork ──────────► C, the container's PID 1
      setns(own pid namespace)                   join or unshare mnt net uts ipc
      meanwhile: make the cgroup
      ◄──────────────────────────── "N" ─────   namespaces are there
             ──────────────────── "G" ──────►   the cgroup is there
    create() returns: netns can be filled        join the cgroup, unshare cgroup
                                                 root, mounts, devices, masks, pivot_root
      ◄─────────────── "R" (+ pty master) ───   ready
    start()  ──────────────────── "S" ──────►
                                                 identity, capabilities, seccomp, execve
      ◄──────── end of stream, or a failure ──   started

S itself never stays in a foreign pid namespace, so what it forks later is not visible to a
container before it has been stripped: a container in a shared pid namespace goes through an
intermediate process I, forked on the host, that drops every descriptor, enters, and clones the
final process as a child of S (`clone_sibling`). So does a container in a user namespace: see
`user_namespace`. An exec does without a fork, see `enter`. Hooks on the host run between "M", all
is mounted, and "R".

Everything a child needs is prepared before the fork. S must be single-threaded (setns, unshare)
and its modules already imported.

See: pid_namespaces(7), pivot_root(2), OCI runtime-spec runtime.md Lifecycle.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal

from baleen.linux import capabilities
from baleen.linux import process as linux_process
from baleen.linux.fd import Fd
from baleen.linux.record import record, replace
from baleen.linux.script import FAILURE
from baleen.runtime import enter, init_process
from baleen.runtime.children import destroy
from baleen.runtime.failure import LaunchError, decode_failure, reason
from baleen.runtime.forking import clone_through_intermediate, fork_into
from baleen.runtime.link import Link, channel
from baleen.runtime.namespace_plan import (
    CLONE_FLAGS,
    map_mounts,
    namespace_flags,
    new_namespaces,
    open_namespaces,
)
from baleen.runtime.prepare import LATER, Prepared, Rootfs, Stdio, prepare
from baleen.runtime.sync import (
    MESSAGE_CGROUP,
    MESSAGE_HOOKS,
    MESSAGE_MOUNTED,
    MESSAGE_NAMESPACES,
    MESSAGE_READY,
    MESSAGE_START,
    MESSAGE_STREAMS,
)
from baleen.runtime.tiny_init import TinyInit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.linux.cgroup.driver import Cgroup
    from baleen.runtime.hooks import HookRunner
    from baleen.runtime.oci.parking import Parking
    from baleen.runtime.seccomp_listener import SeccompListener
    from baleen.runtime.spec import Process, Spec
    from baleen.runtime.warm import WarmInit

__all__ = [
    "Container",
    "ExecProcess",
    "InitEnded",
    "LaunchError",
    "Rootfs",
    "Stdio",
    "create",
    "create_warm",
    "exec_process",
    "init_ended",
    "namespace_flags",
]


class InitEnded(LaunchError):
    """PID 1 ended while it was set up, without a word; its parent, who is not us, knows how."""


class Container:
    """A container whose PID 1 exists, and after `start` runs the wanted program.

    Attributes:
        pid: PID 1 as seen by us; it is our child, and we reap it through `pidfd`.
        pidfd, netns: descriptors owned by this object; `close` closes them.
        console: master of the terminal once it is ready, if the process wants one; owned by this
            object until `steal`.
        warnings: what could not be had and was replaced, for the user.
    """

    def __init__(
        self,
        pid: int,
        pidfd: Fd,
        netns: Fd,
        link: Link,
        warnings: tuple[str, ...],
        hooks: HookRunner | None = None,
        outside: Prepared | None = None,
        listener: SeccompListener | None = None,
        tiny: TinyInit | None = None,
    ) -> None:
        self.pid = pid
        self.pidfd = pidfd
        self.netns = netns
        self.console: Fd | None = None
        self.warnings = warnings
        self._link: Link | None = link
        self._ready = False
        self._hooks = hooks
        self._outside = outside
        self._listener = listener
        self._tiny = tiny

    def give_streams(self, stdio: Stdio | None) -> None:
        """Give a PID 1 that was made ahead its streams, which stay ours; None with a terminal."""
        assert self._link is not None
        fds = () if stdio is None else (stdio.stdin, stdio.stdout, stdio.stderr)
        self._link.send_with_fds(MESSAGE_STREAMS, fds)

    def wait_ready(self) -> None:
        """Block until all mounts are made and PID 1 is parked; a second call returns at once.

        Hooks of creation run within it. On failure nothing of the container's processes is left
        and LaunchError is raised.
        """
        if self._ready:
            return
        assert self._link is not None
        try:
            if self._hooks is not None and self._hooks.has("prestart", "createRuntime"):
                _expect(self._link, MESSAGE_MOUNTED, self.pidfd)
                for kind in ("prestart", "createRuntime"):
                    self._hooks.run_on_host(kind, "creating", self.pid)
                self._link.send(MESSAGE_HOOKS)
            self.console = _expect(self._link, MESSAGE_READY, self.pidfd)
        except (LaunchError, OSError):
            self.abandon()
            raise
        self._ready = True

    def start(self) -> None:
        """Let PID 1 execute its program; returns when execve and the hooks have succeeded.

        Raises LaunchError otherwise, with PID 1 killed and reaped.
        """
        self.park()
        if self._hooks is not None:
            try:
                self._hooks.run_on_host("poststart", "running", self.pid)
            except (LaunchError, OSError):
                self.abandon()
                raise

    def park(self) -> None:
        """As `start`, of a container that has a `parking`: PID 1 is ready in all but execve."""
        self.wait_ready()
        assert self._link is not None
        try:
            if self._outside is not None:
                self._set_from_outside(self._outside)
            self._link.send(MESSAGE_START)
            if self._listener is not None:
                self._listener.serve(self._link, self.pidfd, self.pid)
            self._expect_end(self._link)
        except (LaunchError, OSError):
            self.abandon()
            raise
        self._link.close()
        self._link = None

    def _expect_end(self, link: Link) -> None:
        data, _ = link.receive()
        if self._tiny is not None and len(data) == FAILURE.size:
            raise self._tiny.steps.failure(data)
        if data:
            raise decode_failure(data)

    def _set_from_outside(self, prepared: Prepared) -> None:
        """Set what in a user namespace only we may."""
        if prepared.scheduling is not None:
            prepared.scheduling.apply(self.pid)
        for number, soft, hard in prepared.rlimits:
            try:
                resource.prlimit(self.pid, number, (soft, hard))
            except (OSError, ValueError) as error:
                message = f"cannot set resource limit {number} to {soft}, {hard}: {error}"
                raise LaunchError("rlimits", 0, message, 128) from error

    def abandon(self) -> None:
        """Kill and reap PID 1 and close everything; for a container that will not be used.

        It blocks until every process of the pid namespace is reaped: execs are the caller's to
        reap first.
        """
        destroy(self.pidfd)
        self.close()

    def close(self) -> None:
        """Close the descriptors; the process goes on (a container that is not started ends)."""
        if self._link is not None:
            self._link.close()
            self._link = None
        for fd in (self.pidfd, self.netns, self.console):
            if fd is not None:
                fd.close()


@record(slots=True)
class ExecProcess:
    """One more process in a container. The descriptors belong to the caller.

    Attributes:
        pidfd: readable once it has ended; `wait` gives the exit code then. It is our child, but for
            one that a foreign runtime has made: then it is another descriptor, with its own `wait`.
    """

    pid: int
    pidfd: Fd
    console: Fd | None
    wait: Callable[..., int | None] = linux_process.wait_pidfd


def create(
    spec: Spec,
    *,
    bundle: str,
    rootfs: Rootfs,
    seccomp_program: bytes | None = None,
    stdio: Stdio | None = None,
    init: bool = False,
    cgroup: Cgroup | None = None,
    meanwhile: Callable[[int], None] | None = None,
    for_parent: Callable[[int, Fd | None], None] | None = None,
    parking: Parking | None = None,
    preserved: tuple[int, ...] = (),
    outlives_us: bool = False,
    new_keyring: bool = True,
    pivot: bool = True,
    container_id: str = "",
) -> Container:
    """Make the container's PID 1 and its namespaces; returns while it still mounts.

    Args:
        spec: the parsed config.json; its `process` is needed.
        bundle: what relative sources of binds are relative to.
        rootfs: what is mounted as the container's root; `spec.root_path` is not looked at.
        seccomp_program: compiled filter, or None for none.
        stdio: descriptors for the process, still owned by the caller; None with a terminal.
        init: PID 1 is our own init, and the program its child.
        cgroup: group that PID 1 joins; it must exist when `meanwhile` returns.
        meanwhile: called with PID 1 while that makes its namespaces; what it raises is raised here.
        for_parent: PID 1 becomes a child of our parent, who has to reap it. Called with its pid
            and pidfd, which stays ours, as soon as it exists; and before, with None, for an
            intermediate process that has to be reaped too.
        parking: `Container.park` leaves PID 1 there, for a start by another process; the
            descriptors stay the caller's.
        preserved: further descriptors for the process, from 3 on.
        outlives_us: PID 1 goes on when we have ended, once it is parked or executes its program.
        new_keyring: PID 1 leaves our session keyring.
        pivot: the root is changed by pivot_root(2), which a ramdisk does not allow.
        container_id: what hooks are told; the name of the bundle's directory if empty.

    Raises:
        LaunchError: nothing is left of the attempt.
    """
    if spec.process is None:
        raise LaunchError("spec", 0, "the container has no process to run", 128)
    prepared, outside = _prepare(spec, spec.process, stdio, seccomp_program)
    prepared = replace(prepared, preserved=preserved, outlives_parent=outlives_us)
    sibling = for_parent is not None
    hooks, listener = None, None
    if spec.hooks is not None:
        from baleen.runtime.hooks import hook_runner

        hooks = hook_runner(spec, container_id, bundle)
    if spec.seccomp_use is not None and seccomp_program is not None:
        from baleen.runtime.seccomp_listener import seccomp_listener

        prepared = replace(prepared, seccomp_flags=spec.seccomp_use.flags)
        listener = seccomp_listener(spec, container_id, bundle)
    tiny = _tiny_init(spec, prepared) if init else None
    with contextlib.ExitStack() as undo, contextlib.ExitStack() as inherited:
        joined = open_namespaces(inherited, spec)
        link, theirs = channel(undo)
        plan = init_process.InitPlan(
            spec=spec,
            process=prepared,
            bundle=bundle,
            rootfs=rootfs,
            init=None if tiny is None else _program(inherited, tiny, spec.mount_label),
            cgroup=cgroup,
            joined=tuple(
                (fd.fileno(), CLONE_FLAGS[kind])
                for kind, fd in joined.items()
                if kind not in ("pid", "cgroup", "user")
            ),
            cgroup_namespace=joined["cgroup"].fileno() if "cgroup" in joined else -1,
            unshare=new_namespaces(spec, "network", "uts", "ipc", "mount"),
            unshare_cgroup="cgroup" in spec.namespaces and "cgroup" not in joined,
            channel=theirs.fileno(),
            parking=parking,
            new_keyring=new_keyring,
            pivot=pivot,
            hooks=hooks,
            id_mapped=map_mounts(inherited, spec),
            user_namespace=joined["user"].fileno() if "user" in joined else -1,
            pid_namespace=joined["pid"].fileno() if "pid" in joined else -1,
            fork_unshare=new_namespaces(spec, "pid", "time"),
        )
        if "pid" in joined or "user" in joined:
            pid, pidfd = clone_through_intermediate(
                lambda: init_process.run_through_intermediate(plan),
                link,
                theirs,
                for_parent,
            )
        else:
            pid = fork_into(
                new_namespaces(spec, "pid", "time"),
                lambda: init_process.run(plan),
                sibling=sibling,
                time_offsets=spec.time_offsets,
            )
            theirs.close()
            pidfd = linux_process.pidfd_open(pid)
        undo.callback(destroy, pidfd)
        if for_parent is not None:
            for_parent(pid, pidfd)
        if meanwhile is not None:
            meanwhile(pid)
        # Answered only now: a message that a dying process leaves unread would hide its last word.
        _expect(link, MESSAGE_NAMESPACES, pidfd)
        if "user" in joined and cgroup is not None:
            cgroup.add(pid)  # it may not join by itself
        link.send(MESSAGE_CGROUP)
        try:
            netns = undo.enter_context(
                Fd(os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC))
            )
        except (FileNotFoundError, PermissionError):
            # It has failed since: a process that has ended has no namespaces, but a last word.
            # To who is not the machine's root, they are forbidden then.
            _expect(link, MESSAGE_READY, pidfd)
            raise
        if spec.net_devices:
            from baleen.runtime.net_devices import move_devices

            move_devices(netns, spec.net_devices)
        warnings = prepared.warnings + _adjust_oom_score(pid, prepared)
        # From here on everything belongs to the container; only the namespaces' files are ours.
        undo.pop_all()
        return Container(pid, pidfd, netns, link, warnings, hooks, outside, listener, tiny)


def _tiny_init(spec: Spec, prepared: Prepared) -> TinyInit:
    if prepared.is_ready_before_init:
        return TinyInit(prepared, None)
    held = capabilities.capget()[1]
    if "user" in spec.namespaces:
        held = (1 << capabilities.last_cap() + 1) - 1
    return TinyInit(prepared, held)


def _program(
    held: contextlib.ExitStack, tiny: TinyInit, label: str
) -> tuple[int, tuple[bytes, ...]]:
    try:
        program = held.enter_context(tiny.program())
        if label:  # that of the container's files, or its processes may not begin with it
            from baleen.linux.lsm import set_context

            set_context(program.fileno(), label)
        return program.fileno(), tiny.argv
    except OSError as error:
        message = f"cannot make the init: {reason(error)}"
        raise LaunchError("init", error.errno or 0, message, 128) from error


def create_warm(
    warm: WarmInit,
    spec: Spec,
    *,
    meanwhile: Callable[[], None],
    for_parent: Callable[[int, Fd | None], None],
) -> Container:
    """As `create`, of a PID 1 made ahead that has read the same documents; it is used up.

    It waits for `Container.give_streams`.
    """
    if spec.process is None:
        raise LaunchError("spec", 0, "the container has no process to run", 128)
    prepared, _ = _prepare(spec, spec.process, LATER, None)
    with contextlib.ExitStack() as undo:
        warm.use(undo)
        for_parent(warm.pid, warm.pidfd)
        meanwhile()
        warm.link.send(MESSAGE_CGROUP)
        warnings = prepared.warnings + _adjust_oom_score(warm.pid, prepared)
        undo.pop_all()
        return Container(warm.pid, warm.pidfd, warm.netns, warm.link, warnings)


def _prepare(
    spec: Spec, process: Process, stdio: Stdio | None, seccomp: bytes | None
) -> tuple[Prepared, Prepared | None]:
    """The process as it makes itself, and as we make it where it may not."""
    if "user" not in spec.namespaces:
        return prepare(process, stdio, seccomp), None
    from baleen.runtime.user_namespace import all_capabilities

    prepared = prepare(process, stdio, seccomp, grantable=all_capabilities())
    return replace(prepared, rlimits=(), scheduling=None), prepared


def exec_process(
    container: int | Fd,
    namespaces: int,
    process: Prepared,
    *,
    cgroup: Cgroup | None = None,
) -> ExecProcess:
    """Run one more process in a running container; returns when execve has succeeded.

    Args:
        container: pidfd of the container's PID 1.
        namespaces: CLONE_NEW* of those to enter, see `namespace_flags`.
        process: what to run, with its `stdio`; those descriptors are still the caller's. With a
            terminal, that is made in the container's /dev/pts.
        cgroup: the container's group, or None to stay in ours.

    Raises:
        LaunchError: nothing is left of the attempt.
    """
    target = container.fileno() if isinstance(container, Fd) else container
    members = () if cgroup is None else cgroup.member_files
    return ExecProcess(*enter.enter(enter.EnterPlan(process, target, namespaces, members)))


def _expect(link: Link, wanted: bytes, pidfd: Fd) -> Fd | None:
    """Wait for the message `wanted`; returns the descriptor that came with it, if any."""
    data, fd = link.receive()
    if data == wanted:
        return fd
    if data[:1] == b"{":
        raise decode_failure(data)
    try:
        raise init_ended(linux_process.wait_pidfd(pidfd.fileno()))
    except ChildProcessError:
        # Our parent's: it asks, once this is so.
        select.select([pidfd], [], [])
        raise InitEnded("init", 0, "the container's process ended", 128) from None


def init_ended(status: int | None) -> LaunchError:
    """The failure that PID 1's exit with `status`, while it was set up, is."""
    message = f"the container's process ended while it was set up (status {status})"
    if status == 128 + signal.SIGKILL:
        message += ": killed, perhaps by the out-of-memory killer; the memory limit may be too low"
    return LaunchError("init", 0, message, 128)


def _close(fd: Fd | None) -> None:
    if fd is not None:
        fd.close()


def _adjust_oom_score(pid: int, prepared: Prepared) -> tuple[str, ...]:
    if prepared.oom_score_adj is None:
        return ()
    try:
        fd = os.open(f"/proc/{pid}/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, str(prepared.oom_score_adj).encode())
        finally:
            os.close(fd)
    except PermissionError:
        # Lowering it below ours needs CAP_SYS_RESOURCE, which a nested engine may lack.
        return (f"cannot lower oom_score_adj to {prepared.oom_score_adj} without CAP_SYS_RESOURCE",)
    return ()
