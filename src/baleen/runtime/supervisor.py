"""The supervisor: owns one container, from its start to its recorded exit.

It lives in a shim, with a few others, in the host's namespaces, and serves its share of an epoll
loop: the daemon's requests, the container's streams, its clients, execs, restarts. It outlives the
daemon; a new one finds it at `<bundle>/control.sock`. If its process dies, the kernel kills the
container (PR_SET_PDEATHSIG).

    daemon ──requests, descriptors──► supervisor     {"seq": n, "op": …}
           ◄──replies────────────────                {"reply": n, "ok": true | false, …}
           ◄──events─────────────────                {"event": …}

    op               fields, descriptors                    reply
    start                                                   pid, started_at
    attach           client, stdin, stdout, stderr, framed,
                     detach_keys, early; the socket
    resize           exec_id or null, width, height
    signal           signal
    stop-restart                                            (no restart any more)
    set-restart      restart
    exec             exec_id, process, open_stdin, attach,  pid
                     detach_keys, seccomp_program; the socket
    connect          interface, dns (optional)
    disconnect       host_name
    state                                                   status, pid, started_at, restart_count,
                                                            execs
    release                                                 (the supervisor of a container that
                                                             does not run ends)
    destroy                                                 (the container is killed and does not
                                                             restart, whatever it does now)

    event            fields
    started          pid, started_at, restart_count         after a restart by the policy
    exited           exit_code, oom_killed, finished_at, restarting, error (a failed restart)
    oom
    exec-exited      exec_id, exit_code
    detached         client, reason: eof, detach-keys, error or exited
    log-failed       message: output is being dropped
    error            message: a message that could not be read, or a bug

States: created ─start─► running ─► exited (recorded; the supervisor ends)
                            ▲  └──► restarting ─► running …

No request is served while the process is being started: it waits for the outcome.

Events that happen while no daemon is connected are kept, a limited number, for the next one.

See: docs/architecture.md; unix(7).
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections import deque
from select import EPOLLIN
from time import time_ns

from baleen.errors import BaleenError, Conflict, InvalidArgument
from baleen.runtime.execs import OUTPUT_GRACE_S, ExecRequest, Execs
from baleen.runtime.exit_record import ExitRecord, forget_exit, write_exit
from baleen.runtime.failure import as_launch_error
from baleen.runtime.logfile import format_time
from baleen.runtime.protocol import Connection
from baleen.runtime.request import parse_dns, parse_restart
from baleen.runtime.restart import RestartManager
from baleen.runtime.runner import runner_class
from baleen.runtime.stdio import ProcessStreams
from baleen.runtime.supervisor_messages import attach_options, describe, flag, integer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.linux.cgroup import CgroupDriver
    from baleen.runtime.attach import Client
    from baleen.runtime.failure import LaunchError
    from baleen.runtime.nursery import Nursery
    from baleen.runtime.poller import Deadline, Poller
    from baleen.runtime.protocol import Message
    from baleen.runtime.worker_link import Facts, Worker

__all__ = ["Supervisor"]

_CONTROL = "control.sock"
_MOST_KEPT_EVENTS = 256
# How often it is looked whether clients of an ended container still take their output.
_LINGER_S = 30.0


class Supervisor:
    """Serves one container until it has ended; it stops `poller` then.

    All it has was given back then: its descriptors, processes, control group and sockets.
    """

    def __init__(
        self,
        poller: Poller,
        facts: Facts,
        worker: Worker,
        nursery: Nursery,
        cgroups: CgroupDriver,
        reserved: list[int],
    ) -> None:
        self._poller = poller
        self._facts = facts
        # Descriptors of the daemon's that have to stay open while the container lives: its ports.
        self._reserved = reserved
        self._status = "created"
        self._restart = RestartManager(facts.restart, facts.restart_count)
        self._restart_timer: Deadline | None = None
        self._grace: Deadline | None = None
        self._exit_code = 0
        self._connection: Connection | None = None
        self._listener: socket.socket | None = None
        self._kept_events: deque[Message] = deque(maxlen=_MOST_KEPT_EVENTS)
        self._runner = runner_class(facts)(
            poller,
            facts,
            worker,
            nursery,
            cgroups,
            on_exit=self._process_exited,
            on_oom=lambda: self._event("oom"),
            on_log_failure=lambda err: self._event("log-failed", message=str(err)),
        )
        self._execs = Execs(
            poller,
            lambda exec_id, code: self._event("exec-exited", exec_id=exec_id, exit_code=code),
            self._maybe_finished,
        )
        self._streams = self._new_streams()
        # Streams of earlier runs whose clients have not taken all their output yet.
        self._lingering: list[ProcessStreams] = []
        self._starting = False
        self._operations: dict[str, Callable[[Message, list[int]], Message | None]] = {
            "start": self._op_start,
            "attach": self._op_attach,
            "resize": self._op_resize,
            "signal": self._op_signal,
            "stop-restart": self._op_stop_restart,
            "set-restart": self._op_set_restart,
            "exec": self._op_exec,
            "connect": self._op_connect,
            "disconnect": self._op_disconnect,
            "state": self._op_state,
            "release": self._op_release,
            "destroy": self._op_destroy,
        }

    # -- connections ----------------------------------------------------------------------------

    def serve(self, first: socket.socket) -> None:
        """Take requests from the daemon's end `first` (taken over).

        Later ones are found at control.sock, which is there once the start is under way: before
        that the end of the connection is the end of this supervisor.
        """
        self._connection = self._connect(first)

    def _connect(self, sock: socket.socket) -> Connection:
        return Connection(self._poller, sock, self._on_request, self._on_closed)

    def _listen(self) -> None:
        # By way of the directory's descriptor, because a socket's path must be short.
        bundle = os.open(self._facts.bundle, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
            path = f"/proc/self/fd/{bundle}/{_CONTROL}"
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            listener.bind(path)
            os.chmod(path, 0o600)  # nobody can connect before listen(2)
        finally:
            os.close(bundle)
        listener.listen(4)
        listener.setblocking(False)
        self._listener = listener
        self._poller.add(listener.fileno(), EPOLLIN, self._accept)

    def _accept(self, _events: int) -> None:
        assert self._listener is not None
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return  # it gave up, or we have no descriptor left; it will come again
        older, self._connection = self._connection, None
        if older is not None:
            older.close()
        self._connection = self._connect(sock)
        if self._starting:
            self._connection.pause()
        while self._kept_events:
            self._connection.send(self._kept_events.popleft())

    def _on_closed(self, connection: Connection) -> None:
        if connection is self._connection:
            self._connection = None
            if self._status == "created":
                # Nothing was started, and nobody is there who would.
                self._end()
            elif self._facts.dies_alone:
                self._op_destroy({}, [])

    def _event(self, name: str, **fields: object) -> None:
        event: Message = {"event": name, **fields}
        if self._connection is not None:
            self._connection.send(event)
        else:
            self._kept_events.append(event)

    def report_bug(self, err: Exception) -> None:
        """Tell the daemon of an exception that nobody handled; a running container goes on.

        Without a container there is nothing to go on for: the daemon sees our end.
        """
        self._event("error", message=f"{type(err).__name__}: {err}")
        if self._status == "exiting" or (
            self._status == "restarting" and self._restart_timer is None
        ):
            self._clean_up()
            self._stop_listening()
            self._end()

    def _on_request(self, message: Message, fds: list[int]) -> None:
        """Answer one request, now or later; descriptors that no operation took are closed."""
        connection = self._connection
        try:
            operation = self._operations.get(str(message.get("op")))
            if operation is None:
                raise InvalidArgument(f"unknown operation {message.get('op')!r}")
            fields = operation(message, fds)
        except (BaleenError, OSError, ValueError) as err:
            self._answer(connection, message, err)
        else:
            if fields is not None:
                self._answer(connection, message, fields)
        finally:
            for fd in fds:
                os.close(fd)

    def _answer(
        self, connection: Connection | None, request: Message, result: Message | Exception
    ) -> None:
        answer: Message = {"reply": request.get("seq")}
        if isinstance(result, Exception):
            answer |= {"ok": False, "error": describe(result)}
        else:
            answer |= {"ok": True, **result}
        if connection is not None:
            connection.send(answer)
        self._after_request(request)

    def _after_request(self, message: Message) -> None:
        # What ends this supervisor has to wait until the answer is sent.
        operation = message.get("op")
        if operation in ("start", "release", "destroy") and self._status == "created":
            self._end()
        elif operation in ("stop-restart", "destroy") and self._restart_timer is not None:
            self._restart_timer.cancel()
            self._restart_timer = None
            self._record_exit(oom_killed=False)

    # -- operations -----------------------------------------------------------------------------

    def _op_start(self, message: Message, _fds: list[int]) -> None:
        if self._status != "created":
            raise Conflict(f"the container is {self._status}")
        forget_exit(self._facts.state_dir)
        connection = self._connection

        def ended(failure: LaunchError | None) -> None:
            result: Message | Exception
            if failure is None:
                self._status = "running"
                result = {"pid": self._runner.pid, "started_at": self._runner.started_at}
            else:
                self._clean_up()
                self._stop_listening()
                result = failure
            self._answer(connection, message, result)

        try:
            self._listen()
        except OSError as err:
            ended(as_launch_error(err))
        else:
            self._run(ended)

    def _run(self, then: Callable[[LaunchError | None], None]) -> None:
        """Start the process and call `then`; requests wait until that has returned."""

        def ended(failure: LaunchError | None) -> None:
            try:
                then(failure)
            finally:
                self._starting = False
                if self._connection is not None:
                    self._connection.resume()

        self._starting = True
        if self._connection is not None:
            self._connection.pause()
        self._runner.start(self._streams, ended)

    def _new_streams(self) -> ProcessStreams:
        return ProcessStreams(
            self._poller,
            tty=self._facts.terminal,
            close_stdin=self._facts.open_stdin and self._facts.stdin_once,
            on_detached=self._client_left,
        )

    def _client_left(self, client: Client, reason: str) -> None:
        self._event("detached", client=client.number, reason=reason)
        self._maybe_finished()

    def _op_attach(self, message: Message, fds: list[int]) -> Message:
        if self._status not in ("created", "running", "restarting"):
            raise Conflict(f"the container is {self._status}")
        if len(fds) != 1:
            raise InvalidArgument("attach: one descriptor is needed")
        options = attach_options(message, message)
        self._streams.attach(
            fds[0],
            number=integer(message, "client"),
            streams=options.streams,
            stdin=options.stdin,
            framed=options.framed,
            early=options.early,
            detach_keys=options.detach_keys,
        )
        fds.clear()  # it is the client's now
        return {}

    def _op_resize(self, message: Message, _fds: list[int]) -> Message:
        width, height = integer(message, "width"), integer(message, "height")
        if not (0 <= width <= 65535 and 0 <= height <= 65535):
            raise InvalidArgument(f"resize: {width}x{height} is no size of a terminal")
        exec_id = message.get("exec_id")
        if exec_id is None:
            self._streams.resize(width, height)
        elif not self._execs.resize(str(exec_id), width, height):
            raise InvalidArgument(f"no running exec {exec_id}")
        return {}

    def _op_signal(self, message: Message, _fds: list[int]) -> Message | None:
        connection = self._connection

        def sent(failure: BaleenError | None) -> None:
            self._answer(connection, message, {} if failure is None else failure)

        return {} if self._runner.signal(integer(message, "signal"), sent) else None

    def _op_stop_restart(self, _message: Message, _fds: list[int]) -> Message:
        self._restart.stop()
        return {}

    def _op_set_restart(self, message: Message, _fds: list[int]) -> Message:
        self._restart.policy = parse_restart(message.get("restart"))
        return {}

    def _op_exec(self, message: Message, fds: list[int]) -> None:
        if self._status != "running":
            raise Conflict(f"the container is {self._status}")
        attach = message.get("attach")
        program = message.get("seccomp_program")
        request = ExecRequest(
            exec_id=str(message.get("exec_id")),
            process=message.get("process"),
            open_stdin=flag(message, "open_stdin"),
            attach=None if attach is None else attach_options(attach, message),
            seccomp_program=None if program is None else str(program),
        )
        if (attach is not None) != (len(fds) == 1):
            raise InvalidArgument("exec: one descriptor is needed to attach, and none without")
        connection = self._connection

        def started(outcome: int | BaleenError) -> None:
            if isinstance(outcome, BaleenError):
                self._answer(connection, message, outcome)
            else:
                self._answer(connection, message, {"pid": outcome})

        self._execs.start(self._runner, request, fds.pop() if fds else None, started)

    def _op_connect(self, message: Message, _fds: list[int]) -> Message:
        interface = message.get("interface")
        if not isinstance(interface, dict):
            raise InvalidArgument("connect: an interface is needed")
        self._runner.connect(interface)
        if message.get("dns") is not None:
            self._runner.set_resolver(parse_dns(message["dns"]))
        return {}

    def _op_disconnect(self, message: Message, _fds: list[int]) -> Message:
        self._runner.disconnect(str(message.get("host_name")))
        return {}

    def _op_state(self, _message: Message, _fds: list[int]) -> Message:
        return {
            "status": self._status,
            "pid": self._runner.pid,
            "started_at": self._runner.started_at,
            "restart_count": self._restart.count,
            "execs": self._execs.listing(),
        }

    def _op_release(self, _message: Message, _fds: list[int]) -> Message:
        return {}

    def _op_destroy(self, _message: Message, _fds: list[int]) -> Message:
        self._restart.stop()
        if self._status == "running":
            self._runner.signal(signal.SIGKILL)
        return {}

    # -- exit and restart -----------------------------------------------------------------------

    def _process_exited(self, exit_code: int) -> None:
        """PID 1 was reaped, and nothing of the container is alive any more."""
        self._exit_code = exit_code
        self._status = "exiting"
        self._execs.when_settled(self._processes_ended)

    def _processes_ended(self) -> None:
        self._execs.container_ended()
        if self._streams.finish():
            self._run_ended()
            return
        # Somebody outside has a pipe of ours; half a second later its output is not waited for.
        self._streams.on_end = self._run_ended
        self._grace = self._poller.call_later(OUTPUT_GRACE_S, self._run_ended)

    def _run_ended(self) -> None:
        if self._status != "exiting":
            return
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None
        oom_killed = self._runner.oom_killed()
        delay = self._restart.after_exit(self._exit_code, self._runner.run_seconds)
        if delay is None:
            self._record_exit(oom_killed=oom_killed)
            return
        self._status = "restarting"
        self._restart_timer = self._poller.call_later(delay, self._restart_now)
        streams, self._streams = self._streams, self._new_streams()
        self._event(
            "exited",
            exit_code=self._exit_code,
            oom_killed=oom_killed,
            finished_at=_now(),
            restarting=True,
            restart_count=self._restart.count,
        )
        self._runner.unmount()
        self._retire(streams, "exited")

    def _restart_now(self) -> None:
        self._restart_timer = None
        self._run(self._restarted)

    def _restarted(self, failure: LaunchError | None) -> None:
        if failure is not None:
            self._exit_code = failure.exit_code
            self._record_exit(oom_killed=False, error=str(failure))
            return
        self._status = "running"
        self._event(
            "started",
            pid=self._runner.pid,
            started_at=self._runner.started_at,
            restart_count=self._restart.count,
        )

    def _record_exit(self, *, oom_killed: bool, error: str = "") -> None:
        """Clean up, write the exit down, tell the daemon, and stop."""
        self._clean_up()
        record = ExitRecord(self._exit_code, oom_killed, _now(), self._runner.last_pid, error)
        # With a daemon there the record is its own, in its database, once it has heard of it.
        # A loss of power in between ends the container anyway; its being dead is then all to know.
        try:
            write_exit(self._facts.state_dir, record, sync=self._connection is None)
        except OSError as err:  # a full or broken disk; the event below may still be heard
            self._event("error", message=f"cannot record the exit: {err}")
        self._stop_listening()
        self._event(
            "exited",
            exit_code=record.exit_code,
            oom_killed=record.oom_killed,
            finished_at=record.finished_at,
            restarting=False,
            error=error,
        )
        self._end()
        self._runner.unmount()

    def _clean_up(self) -> None:
        try:
            self._runner.close()
        except BaleenError as err:
            self._event("error", message=str(err))
        for fd in self._reserved:
            os.close(fd)
        self._reserved.clear()

    # -- end of the supervisor --------------------------------------------------------------------

    def _stop_listening(self) -> None:
        """Make place for the supervisor of the next start, before anybody may order it."""
        if self._listener is None:
            return
        self._poller.remove(self._listener.fileno())
        self._listener.close()
        self._listener = None
        with contextlib.suppress(OSError):
            os.unlink(f"{self._facts.bundle}/{_CONTROL}")

    def _end(self) -> None:
        """Stop, once the clients have taken what is theirs."""
        failed = self._status == "created"
        self._status = "exited"
        if failed:
            self._clean_up()
            self._stop_listening()
        self._retire(self._streams, "error" if failed else "exited")
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close_when_sent()
        self._linger(-1)
        self._maybe_finished()

    def _retire(self, streams: ProcessStreams, reason: str) -> None:
        self._lingering.append(streams)
        streams.close(reason)
        self._lingering = [left for left in self._lingering if left.clients]

    def _linger(self, backlog_before: int) -> None:
        """Drop clients that have taken nothing for a while: they are not worth a process."""
        backlog = sum(streams.backlog for streams in self._lingering) + self._execs.backlog
        if backlog == backlog_before:
            self._execs.drop_clients()
            for streams in list(self._lingering):
                streams.drop_clients()
        self._poller.call_later(_LINGER_S, lambda: self._linger(backlog))

    def _maybe_finished(self) -> None:
        if self._status != "exited" or self._connection is not None:
            return
        if not self._execs.clients and not any(streams.clients for streams in self._lingering):
            self._poller.stop()


def _now() -> str:
    return format_time(time_ns()).decode()
