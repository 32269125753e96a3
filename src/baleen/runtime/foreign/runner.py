"""A container of a foreign runtime, as its supervisor sees it: a `Runner` that makes nothing.

    start    a keeper has the runtime create and start it           (`keeper`, `link`)
    end      exit code read ─► what is left of the group killed, deaths for lack of memory counted
             ─► the runtime deletes it, its control group with it
    close    what it has left of the control group removed

The network namespace is ours and outlives the run, as for any container; the control group is the
runtime's, so each run has a new one.
"""

from __future__ import annotations

import contextlib
import signal
from select import EPOLLIN
from time import monotonic

from baleen.errors import BaleenError, InvalidArgument
from baleen.linux.cgroup import CgroupError
from baleen.runtime.failure import LaunchError, as_launch_error
from baleen.runtime.foreign.link import KeeperLink, Made, wait_exit
from baleen.runtime.launch import ExecProcess
from baleen.runtime.runner import Runner
from baleen.runtime.spec import parse_process
from baleen.runtime.stdio import close_stdio, terminal_ends

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from baleen.linux.fd import Fd
    from baleen.runtime.logfile import LogFile
    from baleen.runtime.prepare import Stdio
    from baleen.runtime.stdio import OurEnds, ProcessStreams

__all__ = ["ForeignRunner"]

_MOMENT_S: Final = 0.25


class ForeignRunner(Runner):
    """See `Runner`."""

    _link: KeeperLink | None = None
    _oom_seen = 0

    def _begin(self, streams: ProcessStreams, on_end: Callable[[LaunchError | None], None]) -> None:
        """Let the worker, which has read the documents, become the container's keeper."""
        self._read = False
        worker, self._worker = self._worker, None
        assert worker is not None
        try:
            hired = worker.hand_over()
        except LaunchError as err:
            on_end(err)
            return
        link = self._link = KeeperLink(self._poller, hired, self._nursery)
        if self._facts.cgroup:
            # Whatever becomes of the start, what is in it is ours to end.
            self._cgroup = self._cgroups.open(self._facts.cgroup)
        try:
            ours, child, log = self._open_ends()
        except (BaleenError, OSError, ValueError) as err:
            link.close()
            on_end(as_launch_error(err))
            return

        def ended(outcome: Made | LaunchError) -> None:
            if isinstance(outcome, LaunchError):
                self._close_ends(ours, log)
                # Not waited for: it has said its last word, or is gone.
                link.close()
                on_end(outcome)
                return
            self._has_started(outcome, streams, ours, log)
            on_end(None)

        try:
            link.start(child, self._take_netns, ended)
        finally:
            if child is not None:
                close_stdio(child)

    def _has_started(
        self, made: Made, streams: ProcessStreams, ours: OurEnds | None, log: LogFile | None
    ) -> None:
        self.pid, self.started_at = made.pid, made.started_at
        self._started = monotonic()
        self._pidfd = made.exit
        if made.console is not None:
            ours = terminal_ends(made.console)
        assert ours is not None
        streams.begin(ours, log)
        self._poller.add(made.exit.fileno(), EPOLLIN, self._on_pidfd)
        self._oom_before = self._oom_reported = self._oom_seen = 0
        self._watch_oom()

    def _reap(self, pidfd: Fd) -> int | None:
        return wait_exit(pidfd.fileno(), block=False)

    def exec_process(
        self,
        process: object,
        seccomp_program: str | None,
        streams: Callable[[], tuple[OurEnds | None, Stdio | None]],
        on_end: Callable[[ExecProcess | LaunchError, OurEnds | None], None],
    ) -> None:
        """See `Runner.exec_process`; the filter is that of the container's document."""
        del seccomp_program
        self._running()
        assert self._link is not None
        parse_process(process)
        ours, child = streams()

        def ended(outcome: Made | LaunchError) -> None:
            if isinstance(outcome, LaunchError):
                if ours is not None:
                    ours.close()
                on_end(outcome, ours)
            else:
                on_end(ExecProcess(outcome.pid, outcome.exit, outcome.console, wait_exit), ours)

        try:
            self._link.exec(process, child, ended)
        finally:
            if child is not None:
                close_stdio(child)

    def signal(
        self, number: int, on_sent: Callable[[BaleenError | None], None] | None = None
    ) -> bool:
        """See `Runner.signal`. The runtime sends it; a container that it cannot kill, we do."""
        self._running()
        assert self._link is not None

        def ended(failure: LaunchError | None) -> None:
            if failure is not None and number == signal.SIGKILL and self._cgroup is not None:
                with contextlib.suppress(CgroupError):
                    self._cgroup.kill(_MOMENT_S)
                    failure = None
            if on_sent is not None:
                text = None if failure is None else InvalidArgument(f"signal {number}: {failure}")
                on_sent(text)

        self._link.signal(number, ended)
        return False

    def _swept(self, code: int) -> None:
        """Nothing of it is alive: have it deleted, and then tell."""
        if self._cgroup is not None:
            self._oom_seen = self._cgroup.oom_events()
        self._close_oom_watch()
        assert self._link is not None

        def gone() -> None:
            self._link = None
            self._on_exit(code)

        self._link.delete(gone)

    def oom_killed(self) -> bool:
        """See `Runner.oom_killed`."""
        return self._oom_seen > 0

    def close(self) -> None:
        """See `Runner.close`."""
        link, self._link = self._link, None
        if link is not None:
            link.close()
        super().close()
