"""More processes in the running container: entered by workers, pumped and reaped by its supervisor.

An exec has ended for the daemon when its process was reaped and its output read to the end. A
child that it left in the background may hold the output open; then half a second after the
process is the end.

See: Engine API, /exec/{id}/start.
"""

from __future__ import annotations

import contextlib
import os
from select import EPOLLIN

from baleen.errors import InvalidArgument
from baleen.linux.record import record
from baleen.runtime.failure import LaunchError
from baleen.runtime.stdio import ProcessStreams, open_pipes, terminal_ends

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.errors import BaleenError
    from baleen.linux import Fd
    from baleen.runtime.attach import Client
    from baleen.runtime.launch import ExecProcess
    from baleen.runtime.poller import Deadline, Poller
    from baleen.runtime.prepare import Stdio
    from baleen.runtime.runner import Runner
    from baleen.runtime.stdio import OurEnds

__all__ = ["OUTPUT_GRACE_S", "AttachOptions", "ExecRequest", "Execs"]

# How long the output of an ended process may be held open by somebody else.
OUTPUT_GRACE_S = 0.5


@record(frozen=True, slots=True)
class AttachOptions:
    """What a client asked for: which streams, framed or raw, and what it has sent already."""

    stdin: bool
    stdout: bool
    stderr: bool
    framed: bool
    early: bytes = b""
    detach_keys: str = ""

    @property
    def streams(self) -> frozenset[int]:
        """The numbers of the output streams."""
        return frozenset(n for n, wanted in ((1, self.stdout), (2, self.stderr)) if wanted)


@record(frozen=True, slots=True)
class ExecRequest:
    """One exec to run; `attach` None is a detached one."""

    exec_id: str
    process: object
    open_stdin: bool
    attach: AttachOptions | None
    seccomp_program: str | None

    @property
    def terminal(self) -> bool:
        """Whether it gets a terminal; a malformed process is found out when it is executed."""
        return isinstance(self.process, dict) and self.process.get("terminal") is True


@record(slots=True)
class _Exec:
    exec_id: str
    pid: int
    pidfd: Fd
    wait: Callable[..., int | None]
    streams: ProcessStreams
    exit_code: int | None = None
    grace: Deadline | None = None


class Execs:
    """All execs of one container that have not ended.

    `on_exit(exec_id, exit_code)` is called once for each that was started, before its client's
    stream is ended: who then asks for the exit code must find it. `on_client_left()` is called when
    a client's connection was closed.
    """

    def __init__(
        self,
        poller: Poller,
        on_exit: Callable[[str, int], None],
        on_client_left: Callable[[], None],
    ) -> None:
        self._poller = poller
        self._on_client_left = on_client_left
        self._on_exit = on_exit
        self._execs: dict[str, _Exec] = {}
        # Those that are being started, and the size that a terminal is to have then.
        self._entering: dict[str, tuple[int, int] | None] = {}
        self._on_settled: Callable[[], None] | None = None
        # Clients of ended execs that have not taken all their output yet.
        self._lingering: list[ProcessStreams] = []

    @property
    def clients(self) -> int:
        """Clients of execs that are still open."""
        running = sum(exec_.streams.clients for exec_ in self._execs.values())
        return running + sum(streams.clients for streams in self._lingering)

    @property
    def backlog(self) -> int:
        """Bytes that wait for clients of execs that have ended."""
        return sum(streams.backlog for streams in self._lingering)

    def listing(self) -> list[dict[str, object]]:
        """The running execs, for the answer to "state"."""
        return [{"exec_id": exec_.exec_id, "pid": exec_.pid} for exec_ in self._execs.values()]

    def start(
        self,
        runner: Runner,
        request: ExecRequest,
        client_fd: int | None,
        on_start: Callable[[int | BaleenError], None],
    ) -> None:
        """Run an exec; `on_start` gets its pid after execve, or why there is none.

        Takes `client_fd` over: of an exec that fails it is closed, and its stream is not ended, as
        the daemon tells the reason there.

        Raises:
            InvalidArgument: the id is taken, malformed detach keys, or nothing runs.
        """
        exec_id = request.exec_id
        streams = self._make_streams(request, client_fd)

        def ended(outcome: ExecProcess | LaunchError, ours: OurEnds | None) -> None:
            size = self._entering.pop(exec_id, None)
            if isinstance(outcome, LaunchError):
                streams.abandon()
                on_start(outcome)
            else:
                on_start(outcome.pid)
                self._runs(exec_id, outcome, streams, ours)
                if size is not None:
                    streams.resize(*size)
            if not self._entering and self._on_settled is not None:
                settled, self._on_settled = self._on_settled, None
                settled()

        try:
            if exec_id in self._execs or exec_id in self._entering:
                raise InvalidArgument(f"exec {exec_id} is running already")
            self._entering[exec_id] = None
            try:
                runner.exec_process(
                    request.process,
                    request.seccomp_program,
                    lambda: self._open_streams(request),
                    ended,
                )
            except BaseException:
                self._entering.pop(exec_id, None)
                raise
        except BaseException:
            streams.abandon()
            raise

    def _runs(
        self, exec_id: str, process: ExecProcess, streams: ProcessStreams, ours: OurEnds | None
    ) -> None:
        exec_ = _Exec(exec_id, process.pid, process.pidfd, process.wait, streams)
        self._execs[exec_id] = exec_
        if process.console is not None:
            ours = terminal_ends(process.console)
        assert ours is not None
        streams.begin(ours)
        self._poller.add(
            process.pidfd.fileno(), EPOLLIN, lambda _events: self._process_ended(exec_)
        )

    def when_settled(self, then: Callable[[], None]) -> None:
        """Call `then` when no exec is being started: the container has ended, so that is soon."""
        if self._entering:
            self._on_settled = then
        else:
            then()

    def _make_streams(self, request: ExecRequest, client_fd: int | None) -> ProcessStreams:
        tty = request.terminal
        streams = ProcessStreams(
            self._poller, tty=tty, close_stdin=True, on_detached=self._client_left
        )
        if client_fd is None:
            return streams
        attach = request.attach
        if attach is None:
            os.close(client_fd)
            return streams
        try:
            streams.attach(
                client_fd,
                number=None,
                streams=attach.streams,
                stdin=attach.stdin and request.open_stdin,
                framed=attach.framed,
                early=attach.early,
                detach_keys=attach.detach_keys,
            )
        except BaseException:
            os.close(client_fd)
            raise
        return streams

    @staticmethod
    def _open_streams(request: ExecRequest) -> tuple[OurEnds | None, Stdio | None]:
        if request.terminal:
            return None, None
        attach = request.attach
        return open_pipes(
            stdin=request.open_stdin and attach is not None,
            stdout=attach is not None and attach.stdout,
            stderr=attach is not None and attach.stderr,
        )

    def _client_left(self, _client: Client, _reason: str) -> None:
        """An exec's client has no number: the daemon does not follow it."""
        self._on_client_left()

    def resize(self, exec_id: str, width: int, height: int) -> bool:
        """Set the size of an exec's terminal, once there is one; false if there is no such exec."""
        if exec_id in self._entering:
            self._entering[exec_id] = (width, height)
            return True
        exec_ = self._execs.get(exec_id)
        if exec_ is None:
            return False
        exec_.streams.resize(width, height)
        return True

    def _process_ended(self, exec_: _Exec) -> None:
        code = exec_.wait(exec_.pidfd.fileno(), block=False)
        if code is None:
            return
        exec_.exit_code = code
        self._poller.remove(exec_.pidfd.fileno())
        exec_.pidfd.close()
        if exec_.streams.finish():
            self._end(exec_)
            return
        exec_.streams.on_end = lambda: self._end(exec_)
        exec_.grace = self._poller.call_later(OUTPUT_GRACE_S, lambda: self._end(exec_))

    def _end(self, exec_: _Exec) -> None:
        if self._execs.pop(exec_.exec_id, None) is None:
            return
        if exec_.grace is not None:
            exec_.grace.cancel()
        assert exec_.exit_code is not None
        self._on_exit(exec_.exec_id, exec_.exit_code)
        exec_.streams.close("exited")
        self._lingering = [streams for streams in self._lingering if streams.clients]
        if exec_.streams.clients:
            self._lingering.append(exec_.streams)

    def container_ended(self) -> None:
        """End all: the container's processes are dead, whether or not we have heard of each."""
        for exec_ in list(self._execs.values()):
            if exec_.exit_code is None:
                # Killed with the pid namespace or the control group, so this does not take long.
                with contextlib.suppress(ChildProcessError):
                    exec_.exit_code = exec_.wait(exec_.pidfd.fileno())
                self._poller.remove(exec_.pidfd.fileno())
                exec_.pidfd.close()
                exec_.exit_code = 137 if exec_.exit_code is None else exec_.exit_code
                exec_.streams.finish()
            self._end(exec_)

    def drop_clients(self) -> None:
        """Close the connections of clients that do not take their output."""
        for streams in self._lingering:
            streams.drop_clients()
