"""Runs a container's PID 1, again when its restart policy says so, and cleans up behind it.

    start    control group ─► launch.create: the namespaces exist, init does its mounts
             meanwhile, here: interfaces, loopback, resolver
             ─► Container.start: execve has succeeded, streams are pumped
    end      init reaped ─► what is left of the group killed
    close    control group removed, descriptors closed; the network namespace dies with them

The network namespace and the control group belong to the container, not to one run: a restart uses
them again, so that addresses, routes and limits stay although no daemon may be there.

See: OCI runtime-spec runtime.md, Lifecycle.
"""

from __future__ import annotations

import contextlib
import json
from select import EPOLLIN
from time import monotonic, time_ns

from baleen.errors import BaleenError, InvalidArgument
from baleen.linux.process import pidfd_send_signal, wait_pidfd
from baleen.linux.record import replace
from baleen.linux.rtnetlink import RouteSocket
from baleen.runtime.failure import LaunchError, reason
from baleen.runtime.interfaces import attach_interface, bring_up_loopback, detach_interface
from baleen.runtime.launch import create, exec_process
from baleen.runtime.logfile import LogFile, format_time
from baleen.runtime.request import read_file
from baleen.runtime.resolver import Resolver
from baleen.runtime.spec import parse_spec
from baleen.runtime.stdio import close_stdio, open_pipes, terminal_ends

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from baleen.linux import Fd
    from baleen.linux.cgroup import Cgroup, CgroupDriver, OomWatch
    from baleen.runtime.launch import Container, ExecProcess, Stdio
    from baleen.runtime.poller import Poller
    from baleen.runtime.request import DnsRequest, StartRequest
    from baleen.runtime.spec import Process, Spec
    from baleen.runtime.stdio import ProcessStreams

__all__ = ["Runner"]

# How long after its notice the kernel may take to kill a process for lack of memory.
_OOM_KILL_S = 0.1


def _read_program(path: str | None) -> bytes | None:
    return None if path is None else read_file(path)


def _for_execs(spec: Spec) -> Spec:
    """Return what an exec needs of a spec: the rest is tens of kilobytes for nothing."""
    return replace(
        spec,
        process=None,
        mounts=(),
        devices=(),
        resources={},
        seccomp=None,
        sysctl=(),
        masked_paths=(),
        readonly_paths=(),
        annotations={},
    )


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
        request: StartRequest,
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
        self._request = request
        self._cgroups = cgroups
        self._on_exit = on_exit
        self._on_oom = on_oom
        self._on_log_failure = on_log_failure
        self._spec: Spec | None = None
        self._exec_spec: Spec | None = None
        self._container: Container | None = None
        self._cgroup: Cgroup | None = None
        self._netns: Fd | None = None
        self._oom_watch: OomWatch | None = None
        self._oom_before = 0
        self._oom_reported = 0
        self._resolver: Resolver | None = None
        self._host_names = {str(i.get("host_name")) for i in request.interfaces}
        self._started = 0.0

    def load_spec(self) -> Spec:
        """Parse config.json, once for each run; may be called ahead of `start`.

        Raises:
            LaunchError: it is malformed or asks for what we cannot do.
        """
        if self._spec is None:
            try:
                document = json.loads(read_file(f"{self._request.bundle}/config.json"))
            except (OSError, ValueError, RecursionError) as err:
                raise LaunchError("spec", 0, f"config.json: {err}", 128) from err
            self._spec = parse_spec(document)
        return self._spec

    def is_terminal(self) -> bool:
        """Whether PID 1 gets a terminal (raises as load_spec)."""
        process = self.load_spec().process
        return process is not None and process.terminal

    # -- start ----------------------------------------------------------------------------------

    def start(self, streams: ProcessStreams, meanwhile: Callable[[], None] | None = None) -> None:
        """Start PID 1; returns after its execve. On error nothing of this run is left.

        `meanwhile` is called while init is busy with its mounts.

        Raises:
            LaunchError: with the stage and the exit code to report.
        """
        try:
            self._start(streams, meanwhile)
        except LaunchError:
            self._undo_start()
            raise
        except BaleenError as err:
            self._undo_start()
            stage = str(getattr(err, "stage", "start"))
            raise LaunchError(stage, getattr(err, "errno", 0), str(err), 128) from err
        except (OSError, ValueError) as err:
            self._undo_start()
            text = reason(err) if isinstance(err, OSError) else str(err)
            steps = [*getattr(err, "__notes__", ())]
            if isinstance(err, OSError) and err.filename is not None:
                steps.append(str(err.filename))
            raise LaunchError(
                "start", getattr(err, "errno", None) or 0, ": ".join([*steps, text]), 128
            ) from err

    def _start(self, streams: ProcessStreams, meanwhile: Callable[[], None] | None) -> None:
        request = self._request
        spec = self._join_kept_netns(self.load_spec())
        with contextlib.ExitStack() as undo:
            log = self._open_log()
            if log is not None:
                undo.callback(log.close)
            terminal = spec.process is not None and spec.process.terminal
            if terminal:
                container = self._create(spec, None)
            else:
                ours, child = open_pipes(stdin=request.open_stdin)
                undo.callback(ours.close)
                container = self._create(spec, child)
            self._set_up_network(spec, container)
            if meanwhile is not None:
                meanwhile()
            container.start()
            if container.console is not None:
                ours = terminal_ends(container.console)
            undo.pop_all()
        self._spec = None
        self._exec_spec = _for_execs(spec)
        self.pid = container.pid
        self._started = monotonic()
        self.started_at = format_time(time_ns()).decode()
        streams.begin(ours, log)
        self._poller.add(container.pidfd.fileno(), EPOLLIN, self._on_pidfd)
        self._watch_oom()

    def _join_kept_netns(self, spec: Spec) -> Spec:
        """In a restart, join the network namespace that we kept, by its descriptor."""
        if self._netns is None or spec.namespaces.get("network", "") is not None:
            return spec
        path = f"/proc/self/fd/{self._netns.fileno()}"
        return replace(spec, namespaces={**spec.namespaces, "network": path})

    def _open_log(self) -> LogFile | None:
        log = self._request.log
        if log.driver == "none":
            return None
        return LogFile(
            log.path,
            max_size=log.max_size,
            max_file=log.max_file,
            attrs=log.labels,
            on_failure=self._on_log_failure,
        )

    def _create(self, spec: Spec, child: Stdio | None) -> Container:
        request = self._request
        cgroup, make_cgroup = self._cgroup, None
        try:
            if cgroup is None and spec.cgroups_path:
                cgroup = self._cgroups.open(spec.cgroups_path)
                make_cgroup = self._make_cgroup
            self._container = create(
                spec,
                bundle=request.bundle,
                rootfs=request.rootfs,
                seccomp_program=_read_program(request.seccomp_program),
                stdio=child,
                init=request.init,
                cgroup=cgroup,
                meanwhile=make_cgroup,
            )
        finally:
            if child is not None:
                close_stdio(child)
        return self._container

    def _make_cgroup(self) -> None:
        """Make the control group, while PID 1 makes its namespaces."""
        spec = self.load_spec()
        self._cgroup = self._cgroups.create(spec.cgroups_path, spec.resources)

    def _set_up_network(self, spec: Spec, container: Container) -> None:
        """Configure a new network namespace, while init is busy with its mounts."""
        if self._netns is not None or spec.namespaces.get("network", "") is not None:
            return
        self._netns = container.netns.dup()  # it outlives the run
        bring_up_loopback(self._netns)
        if self._request.interfaces:
            with RouteSocket() as host:
                for interface in self._request.interfaces:
                    attach_interface(host, self._netns, interface)
        if self._request.dns is not None:
            self.set_resolver(self._request.dns)

    def _undo_start(self) -> None:
        """Leave nothing of a failed start, errors of which must not hide the first one."""
        container, self._container = self._container, None
        if container is not None:
            container.abandon()
        self._spec = None

    # -- while it runs ---------------------------------------------------------------------------

    def exec_process(
        self, process: Process, seccomp_program: str | None, stdio: Stdio | None
    ) -> ExecProcess:
        """Execute one more process in the container; see launch.exec_process."""
        container = self._running()
        assert self._exec_spec is not None
        return exec_process(
            container.pidfd,
            self._exec_spec,
            process,
            seccomp_program=_read_program(seccomp_program),
            stdio=stdio,
            cgroup=self._cgroup,
        )

    def _running(self) -> Container:
        if self._container is None or not self.pid:
            raise InvalidArgument("the container is not running")
        return self._container

    def signal(self, number: int) -> None:
        """Send a signal to PID 1.

        Raises:
            InvalidArgument: it is not running, or there is no such signal.
        """
        try:
            pidfd_send_signal(self._running().pidfd.fileno(), number)
        except (OSError, ValueError) as err:
            raise InvalidArgument(f"signal {number}: {err}") from err

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

    def _report_oom(self) -> None:
        """Tell of processes killed for lack of memory since the last time, if there were any."""
        count = self._cgroup.oom_events() if self._cgroup is not None else 0
        if count > self._oom_reported:
            self._oom_reported = count
            self._on_oom()

    # -- end ------------------------------------------------------------------------------------

    def _on_pidfd(self, _events: int) -> None:
        container = self._running()
        code = wait_pidfd(container.pidfd.fileno(), block=False)
        if code is None:
            return
        self._poller.remove(container.pidfd.fileno())
        container.close()
        self._container = None
        if self._cgroup is not None:
            # With a shared pid namespace PID 1's death kills nobody else.
            self._cgroup.kill()
            self._report_oom()
        self.last_pid, self.pid = self.pid, 0
        self._on_exit(code)

    @property
    def run_seconds(self) -> float:
        """How long ago the last run began."""
        return monotonic() - self._started

    def oom_killed(self) -> bool:
        """Whether the kernel killed for lack of memory in the run that has ended."""
        if self._cgroup is None:
            return False
        before, self._oom_before = self._oom_before, self._cgroup.oom_events()
        return self._oom_before > before

    def close(self) -> None:
        """Remove the control group and give up the namespace: the container will not run again.

        Raises:
            CgroupError: something of it is stuck in the kernel; all else is cleaned up.
        """
        self._close_resolver()
        if self._oom_watch is not None:
            self._poller.remove(self._oom_watch.fd)
            self._oom_watch.close()
            self._oom_watch = None
        if self._netns is not None:
            self._netns.close()
            self._netns = None
        cgroup, self._cgroup = self._cgroup, None
        if cgroup is not None:
            cgroup.kill()
            cgroup.remove()
