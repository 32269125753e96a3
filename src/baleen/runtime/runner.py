"""Runs a container's PID 1, again when its restart policy says so, and cleans up behind it.

    start    a worker makes control group, namespaces, mounts, interfaces  (`worker`)
             meanwhile, here: pipes, log, resolver
             ─► execve has succeeded, streams are pumped
    end      init reaped ─► what is left of the group killed
    close    control group removed, descriptors closed; the network namespace dies with them

The network namespace and the control group belong to the container, not to one run: a restart uses
them again, so that addresses, routes and limits stay although no daemon may be there.

See: OCI runtime-spec runtime.md, Lifecycle.
"""

from __future__ import annotations

import contextlib
from select import EPOLLIN
from time import monotonic

from baleen.errors import BaleenError, InvalidArgument
from baleen.linux.cgroup import CgroupError
from baleen.linux.kernel_log import memory_kills
from baleen.linux.process import pidfd_send_signal, wait_pidfd
from baleen.linux.rtnetlink import RouteSocket
from baleen.runtime.enter import EnterPlan
from baleen.runtime.entry import Entry
from baleen.runtime.failure import LaunchError, as_launch_error
from baleen.runtime.interfaces import attach_interface, detach_interface
from baleen.runtime.launch import namespace_flags
from baleen.runtime.logfile import LogFile
from baleen.runtime.prepare import prepare
from baleen.runtime.request import read_file
from baleen.runtime.resolver import Resolver
from baleen.runtime.spec import parse_process
from baleen.runtime.stdio import close_stdio, open_pipes, terminal_ends
from baleen.runtime.worker_link import Worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from baleen.linux import Fd
    from baleen.linux.cgroup import Cgroup, CgroupDriver, OomWatch
    from baleen.runtime.launch import ExecProcess
    from baleen.runtime.nursery import Nursery
    from baleen.runtime.poller import Poller
    from baleen.runtime.prepare import Prepared, Stdio
    from baleen.runtime.request import DnsRequest
    from baleen.runtime.stdio import OurEnds, ProcessStreams
    from baleen.runtime.worker_link import Facts

__all__ = ["Runner", "runner_class"]

# How long after its notice the kernel may take to kill a process for lack of memory.
_OOM_KILL_S = 0.1
# How long a killed process may take to die, while others wait; how often, and for how long in all,
# one that is stuck is killed again.
_MOMENT_S = 0.25
_AGAIN_S = 0.1
_STUCK_S = 10.0


class Runner:
    """The processes, namespaces and control group of one container.

    `on_exit(exit_code)` is called when PID 1 was reaped and nothing of the container is alive any
    more; `on_oom()` when the kernel killed for memory; `on_log_failure` see LogFile.

    Attributes:
        pid: of PID 1 on the host, 0 while there is none; `last_pid` that of the run before.
        started_at: RFC 3339 time of the last start.
    """

    def __init__(
        self,
        poller: Poller,
        facts: Facts,
        worker: Worker,
        nursery: Nursery,
        cgroups: CgroupDriver,
        *,
        on_exit: Callable[[int], None],
        on_oom: Callable[[], None],
        on_log_failure: Callable[[OSError], None],
    ) -> None:
        self.pid = 0
        self.last_pid = 0
        self.started_at = ""
        self._poller = poller
        self._facts = facts
        # The one that has read the request for the first start; one more for each other.
        self._worker: Worker | None = worker
        self._read = True
        self._nursery = nursery
        self._cgroups = cgroups
        self._on_exit = on_exit
        self._on_oom = on_oom
        self._on_log_failure = on_log_failure
        self._pidfd: Fd | None = None
        self._cgroup: Cgroup | None = None
        self._netns: Fd | None = None
        self._mounts: Fd | None = None
        self._oom_watch: OomWatch | None = None
        self._oom_before = 0
        self._oom_reported = 0
        self._resolver: Resolver | None = None
        self._host_names = set(facts.host_names)
        self._started = 0.0

    # -- start ----------------------------------------------------------------------------------

    def start(self, streams: ProcessStreams, on_end: Callable[[LaunchError | None], None]) -> None:
        """Start PID 1; `on_end` is called after its execve, or with what went wrong.

        Nothing of a run that failed is left but what `close` removes.
        """
        if self._worker is not None and self._read:
            self._begin(streams, on_end)
            return

        def have_read(facts: Facts | BaleenError) -> None:
            if isinstance(facts, BaleenError):
                self._give_up()
                on_end(as_launch_error(facts))
            else:
                self._begin(streams, on_end)

        self._forget_transient_group()
        self._worker = Worker(
            self._nursery,
            self._poller,
            self._facts.path,
            have_read,
            netns=self._netns,
            has_cgroup=self._cgroup is not None,
        )

    def _begin(self, streams: ProcessStreams, on_end: Callable[[LaunchError | None], None]) -> None:
        """Let the worker, which has read the documents, start PID 1."""
        self._read = False
        worker = self._worker
        assert worker is not None
        try:
            ours, child, log = self._open_ends()
        except (BaleenError, OSError, ValueError) as err:
            self._give_up()
            on_end(as_launch_error(err))
            return

        def ended(failure: LaunchError | None) -> None:
            if worker.made_cgroup and self._facts.cgroup and self._cgroup is None:
                self._cgroup = self._cgroups.open(self._facts.cgroup)
            if failure is not None:
                self._close_ends(ours, log)
                self._give_up()
            else:
                self._runs(worker, streams, ours, log)
            on_end(failure)

        try:
            worker.start(child, self._take_netns, ended)
        finally:
            if child is not None:
                close_stdio(child)

    def _open_ends(self) -> tuple[OurEnds | None, Stdio | None, LogFile | None]:
        """Our ends of the streams, the process's ends, and the log (BaleenError, OSError, …)."""
        with contextlib.ExitStack() as undo:
            ours, child = self._open_streams(undo)
            log = self._open_log()
            undo.pop_all()
        return ours, child, log

    @staticmethod
    def _close_ends(ours: OurEnds | None, log: LogFile | None) -> None:
        """Close what `_open_ends` has opened for us."""
        if ours is not None:
            ours.close()
        if log is not None:
            log.close()

    def _open_streams(self, undo: contextlib.ExitStack) -> tuple[OurEnds | None, Stdio | None]:
        """Our ends and the process's; a terminal is made by the worker."""
        if self._facts.terminal:
            return None, None
        ours, child = open_pipes(stdin=self._facts.open_stdin)
        undo.callback(ours.close)
        undo.callback(close_stdio, child)
        return ours, child

    def _runs(
        self,
        worker: Worker,
        streams: ProcessStreams,
        ours: OurEnds | None,
        log: LogFile | None,
    ) -> None:
        self.pid = worker.pid
        self._started = monotonic()
        self.started_at = worker.started_at
        self._pidfd = worker.take()
        self._mounts = worker.take_mounts()
        if worker.console is not None:
            ours = terminal_ends(worker.console)
        assert ours is not None
        streams.begin(ours, log)
        self._poller.add(self._pidfd.fileno(), EPOLLIN, self._on_pidfd)
        self._watch_oom()

    def _give_up(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()

    def _open_log(self) -> LogFile | None:
        log = self._facts.log
        if log.driver == "none":
            return None
        return LogFile(
            log.path,
            max_size=log.max_size,
            max_file=log.max_file,
            attrs=log.labels,
            on_failure=self._on_log_failure,
        )

    def _take_netns(self, netns: Fd) -> bool:
        """Keep a new network namespace, which outlives the run; true: the resolver is there."""
        self._netns = netns
        if self._facts.dns is None:
            return False
        self.set_resolver(self._facts.dns)
        return True

    # -- while it runs ---------------------------------------------------------------------------

    def exec_process(
        self,
        process: object,
        seccomp_program: str | None,
        streams: Callable[[], tuple[OurEnds | None, Stdio | None]],
        on_end: Callable[[ExecProcess | LaunchError, OurEnds | None], None],
    ) -> None:
        """Execute one more process, an OCI process object.

        `streams` opens our ends and its own, both None for a terminal. `on_end` gets the process
        after its execve, and our ends, or why there is none.

        Raises:
            BaleenError, OSError: it is malformed, or cannot even begin.
        """
        pidfd = self._running()
        program = None if seccomp_program is None else read_file(seccomp_program)
        wanted = parse_process(process)
        ours, child = streams()
        if child is not None and "user" in self._facts.namespaces:
            self._give(child, wanted.user.uid)

        def ended(outcome: ExecProcess | LaunchError) -> None:
            if isinstance(outcome, LaunchError) and ours is not None:
                ours.close()
            on_end(outcome, ours)

        try:
            Entry(self._poller, self._plan(pidfd, prepare(wanted, child, program)), ended)
        except BaseException:
            if ours is not None:
                ours.close()
            raise
        finally:
            if child is not None:
                close_stdio(child)

    def _give(self, streams: Stdio, uid: int) -> None:
        """Let the user of the container's user namespace own the streams of an exec."""
        from baleen.runtime.user_namespace import give_streams, mappings_of

        with contextlib.suppress(OSError):  # PID 1 has ended: the exec will fail
            give_streams(streams, mappings_of(self.pid), uid)

    def _plan(self, pidfd: Fd, process: Prepared) -> EnterPlan:
        members = () if self._cgroup is None else self._cgroup.member_files
        flags = namespace_flags(self._facts.namespaces)
        return EnterPlan(process, pidfd.fileno(), flags, members)

    def _running(self) -> Fd:
        if self._pidfd is None:
            raise InvalidArgument("the container is not running")
        return self._pidfd

    def signal(
        self, number: int, on_sent: Callable[[BaleenError | None], None] | None = None
    ) -> bool:
        """Send a signal to PID 1; false: that is under way, and `on_sent` is told of its end.

        Raises:
            InvalidArgument: it is not running, or there is no such signal.
        """
        try:
            pidfd_send_signal(self._running().fileno(), number)
        except (OSError, ValueError) as err:
            raise InvalidArgument(f"signal {number}: {err}") from err
        return True

    def connect(self, interface: Mapping[str, object]) -> None:
        """Give the running container one more interface (OSError, ValueError)."""
        with RouteSocket() as host:
            attach_interface(host, self._own_netns(), interface)
        self._host_names.add(str(interface.get("host_name")))

    def disconnect(self, host_name: str) -> None:
        """Take an interface away, by the name of its host end; success means that it is gone.

        A name that is not one of this container's interfaces is left alone (OSError).
        """
        if host_name in self._host_names:
            with RouteSocket() as host:
                detach_interface(host, host_name)
            self._host_names.discard(host_name)

    def _own_netns(self) -> Fd:
        if self._netns is None:
            raise InvalidArgument("the container has no network namespace of its own")
        return self._netns

    def set_resolver(self, dns: DnsRequest) -> None:
        """Answer DNS queries in the container's network namespace from now on (OSError)."""
        self._close_resolver()
        resolver = Resolver(
            self._own_netns(),
            names_path=dns.names,
            upstream=dns.upstream,
            forward=dns.forward,
        )
        self._resolver = resolver
        (fd,) = resolver.fds()
        self._poller.add(fd, EPOLLIN, lambda _events: resolver.on_readable(fd))
        self._poller.set_clock(resolver.next_timeout, lambda: resolver.on_readable(fd))

    def _close_resolver(self) -> None:
        resolver, self._resolver = self._resolver, None
        if resolver is not None:
            self._poller.set_clock(None)
            for fd in resolver.fds():
                self._poller.remove(fd)
            resolver.close()

    def _watch_oom(self) -> None:
        if self._cgroup is None or self._oom_watch is not None:
            return
        watch = self._cgroup.oom_watch()
        if watch is not None:
            self._oom_watch = watch
            self._poller.add(watch.fd, watch.poll_events, lambda _events: self._on_oom_event(watch))

    def _on_oom_event(self, watch: OomWatch) -> None:
        watch.count()
        before = self._oom_reported
        self._report_oom()
        if self._oom_reported == before:
            # On cgroup v1 the notice comes first and the kill, which is counted, follows.
            self._poller.call_later(_OOM_KILL_S, self._report_oom)

    def _report_oom(self, logged: int = 0) -> None:
        """Tell of processes killed for lack of memory since the last time, if there were any.

        `logged` is how many the kernel's log has; the group may be gone.
        """
        count = max(logged, self._cgroup.oom_events()) if self._cgroup is not None else 0
        if count > self._oom_reported:
            self._oom_reported = count
            self._on_oom()

    # -- end ------------------------------------------------------------------------------------

    def _on_pidfd(self, _events: int) -> None:
        self._give_up()  # what has started it has ended long ago
        pidfd = self._running()
        code = self._reap(pidfd)
        if code is None:
            return
        self._poller.remove(pidfd.fileno())
        pidfd.close()
        self._pidfd = None
        self.last_pid, self.pid = self.pid, 0
        self._sweep(code, monotonic() + _STUCK_S)

    def _reap(self, pidfd: Fd) -> int | None:
        """The exit code of PID 1, if it has ended."""
        return wait_pidfd(pidfd.fileno(), block=False)

    def _sweep(self, code: int, until: float) -> None:
        """Kill what is left: with a shared pid namespace PID 1's death kills nobody else.

        Who is stuck in the kernel is looked at again and again, and not waited for: there are
        other containers. In the end it is left to `close`, which tells.
        """
        if self._cgroup is not None:
            try:
                self._cgroup.kill(_MOMENT_S)
            except CgroupError:
                if monotonic() < until:
                    self._poller.call_later(_AGAIN_S, lambda: self._sweep(code, until))
                    return
            if self._cgroup.is_transient:
                self._close_oom_watch()  # a file that is gone is always ready
                self._report_oom(memory_kills(self._cgroup.path, self._started))
            else:
                self._report_oom()
        self._swept(code)

    def _swept(self, code: int) -> None:
        """Nothing of the container is alive any more."""
        self._on_exit(code)

    @property
    def run_seconds(self) -> float:
        """How long ago the last run began."""
        return monotonic() - self._started

    def oom_killed(self) -> bool:
        """Whether the kernel killed for lack of memory in the run that has ended."""
        if self._cgroup is None:
            return False
        # A transient group may be gone already: then what was reported is what there was.
        count = max(self._cgroup.oom_events(), self._oom_reported)
        before, self._oom_before = self._oom_before, count
        return count > before

    def _forget_transient_group(self) -> None:
        """The next run gets a new group, which counts from the beginning."""
        if self._cgroup is not None and self._cgroup.is_transient:
            self._cgroup = None
            self._oom_before = self._oom_reported = 0

    def _close_oom_watch(self) -> None:
        if self._oom_watch is not None:
            self._poller.remove(self._oom_watch.fd)
            self._oom_watch.close()
            self._oom_watch = None

    def unmount(self) -> None:
        """Give up the mount namespace of the run that has ended; it goes behind us."""
        mounts, self._mounts = self._mounts, None
        if mounts is not None:
            self._nursery.unmount(mounts)

    def close(self) -> None:
        """Remove the control group and give up the namespace: the container will not run again.

        Raises:
            CgroupError: something of it is stuck in the kernel; all else is cleaned up.
        """
        self._give_up()
        self._close_resolver()
        self._close_oom_watch()
        if self._netns is not None:
            self._netns.close()
            self._netns = None
        cgroup, self._cgroup = self._cgroup, None
        if cgroup is not None:
            cgroup.kill(_MOMENT_S)
            cgroup.remove(_MOMENT_S)


def runner_class(facts: Facts) -> type[Runner]:
    """Who runs the container: we, or a foreign runtime."""
    if not facts.foreign:
        return Runner
    # Here, and not before: what nobody else needs.
    from baleen.runtime.foreign.runner import ForeignRunner

    return ForeignRunner
