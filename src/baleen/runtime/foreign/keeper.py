"""The keeper: has a foreign runtime make one container, and is the parent of its processes.

    shim S                              keeper K, until now the worker that has read the documents
         ──── "start" + stdio ───────►      three descriptors, none with a terminal
         ◄─── netns + descriptor ─────      a new network namespace, loopback up
         ──── "go" ──────────────────►      only with a resolver: it listens
                                        create; start
         ◄─── started + exit, console       `exit` is a pipe: the exit code is written to it
         or   failed                        K ends
         ──── exec + stdio ──────────►  exec --detach
         ──── signal ────────────────►  kill
         ◄─── reply (+ exit, console)
         ──── delete ────────────────►  delete --force; K ends

Each message from the container's life on is a JSON object. K dies with S, at once: what it leaves
is in the container's control group, which the daemon empties, and in the run's bundle.

See: prctl(2), PR_SET_CHILD_SUBREAPER; `program`.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from select import EPOLLIN
from time import time_ns

from baleen.errors import BaleenError, InvalidArgument
from baleen.linux.fd import Fd
from baleen.linux.netns import bring_up_loopback
from baleen.linux.process import set_child_subreaper, set_name
from baleen.linux.rtnetlink import RouteSocket
from baleen.runtime.failure import LaunchError, as_launch_error
from baleen.runtime.foreign.place import Place, new_network_namespace
from baleen.runtime.foreign.program import Children, Program
from baleen.runtime.interfaces import attach_interface
from baleen.runtime.logfile import format_time
from baleen.runtime.poller import Poller
from baleen.runtime.prepare import Stdio
from baleen.runtime.protocol import decode, encode, receive
from baleen.runtime.request import read_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from baleen.runtime.foreign.program import Failure
    from baleen.runtime.protocol import Message
    from baleen.runtime.request import StartRequest

__all__ = ["keep"]

# How long a call may take: one that makes a container may start a virtual machine for it.
_MAKING_S: Final = 120.0
_MOMENT_S: Final = 30.0
_CONSOLE_S: Final = 5.0


def keep(sock: socket.socket, request: StartRequest, stdio: Stdio | None, netns: int) -> None:
    """Make the container and keep it until it is deleted; to be followed by our end.

    Args:
        sock: of the shim.
        request: its `runtime` is the program to call.
        stdio: of the container, without a terminal; taken over.
        netns: the network namespace of the run before, or -1; taken over.
    """
    set_child_subreaper(enabled=True)
    set_name("baleen-keeper")
    poller = Poller()
    keeper = _Keeper(sock, poller, request)
    try:
        keeper.make(stdio, netns)
        poller.run()
    except (BaleenError, OSError, ValueError) as error:
        keeper.fail(as_launch_error(error))
    keeper.reap()


class _Keeper:
    """One container of a foreign runtime."""

    def __init__(self, sock: socket.socket, poller: Poller, request: StartRequest) -> None:
        assert request.runtime is not None
        self._sock = sock
        self._poller = poller
        self._request = request
        self._children = Children(poller)
        self._calls = 0

    # -- the start --------------------------------------------------------------------------------

    def make(self, stdio: Stdio | None, netns: int) -> None:
        """Prepare all that the program finds, and have it create the container.

        Raises BaleenError or OSError; then nothing was started.
        """
        request = self._request
        assert request.runtime is not None
        document = json.loads(read_file(f"{request.bundle}/config.json"))
        self._place = Place(request.bundle)
        self._place.isolate()
        self._place.mount_root(request.rootfs)
        path = None
        if {"type": "network"} in document["linux"]["namespaces"]:
            path = self._network(None if netns < 0 else Fd(netns))
        self._place.write_config(document, path)
        self._program = Program(
            self._poller, self._children, request.runtime, request.id, self._place
        )
        options: list[str] = []
        listener: socket.socket | None = None
        if stdio is None:
            listener, options = self._console("console")
        self._call(
            "create",
            ["--bundle", self._place.directory, "--pid-file", self._place.path("pid"), *options],
            lambda failure: self._created(failure, listener),
            stdio,
        )
        if stdio is not None:
            # The container has them now, and nobody else may: their end is its output's end.
            for fd in {stdio.stdin, stdio.stdout, stdio.stderr}:
                os.close(fd)

    def _network(self, netns: Fd | None) -> str:
        """The path of the container's network namespace, which is new or that of the run before."""
        if netns is not None:
            with netns:
                return self._place.mount_network_namespace(netns)
        with new_network_namespace() as netns:
            bring_up_loopback(netns)
            self._send({"event": "netns"}, netns)
            if self._request.interfaces:
                with RouteSocket() as host:
                    for interface in self._request.interfaces:
                        attach_interface(host, netns, interface)
            if self._request.dns is not None and not receive(self._sock)[0]:
                os._exit(1)  # the shim has given up
            return self._place.mount_network_namespace(netns)

    def _console(self, name: str) -> tuple[socket.socket, list[str]]:
        listener, path = self._place.listen(name)
        return listener, ["--console-socket", path]

    def _call(
        self,
        command: str,
        options: list[str],
        on_end: Callable[[Failure | None], None],
        stdio: Stdio | None = None,
    ) -> None:
        """Call the program to make a process, which may end before we know its number."""
        self._children.remember(+1)

        def ended(failure: Failure | None) -> None:
            try:
                on_end(failure)
            finally:
                self._children.remember(-1)

        self._program.call(command, options, ended, stdio=stdio, timeout_s=_MAKING_S)

    def _created(self, failure: Failure | None, listener: socket.socket | None) -> None:
        try:
            if failure is not None:
                raise failure.of_start()
            pid = self._pid("pid")
            exit_code = self._watch(pid)
            console = None if listener is None else _accept(listener)
        except (BaleenError, OSError, ValueError) as error:
            self._undo(as_launch_error(error))
            return
        finally:
            if listener is not None:
                listener.close()
        self._call("start", [], lambda failure: self._started(failure, pid, exit_code, console))

    def _started(
        self, failure: Failure | None, pid: int, exit_code: Fd, console: Fd | None
    ) -> None:
        if failure is None:
            self._poller.add(self._sock.fileno(), EPOLLIN, lambda _events: self._arrived())
            started_at = format_time(time_ns()).decode()
            fields: Message = {"event": "started", "pid": pid, "started_at": started_at}
            self._send(fields, exit_code, console)
        _close(exit_code, console)
        if failure is not None:
            self._undo(failure.of_start())

    def _undo(self, failure: LaunchError) -> None:
        """Take away what there may be of a container that does not start, and say so."""

        def ended(_failure: Failure | None) -> None:
            self.fail(failure)
            self._poller.stop()

        self._program.call("delete", ["--force"], ended, timeout_s=_MOMENT_S)

    def fail(self, failure: LaunchError) -> None:
        """Say why the container does not run."""
        self._send({"event": "failed", **_fields(failure)})

    def reap(self) -> None:
        """Reap who has ended, before we do: nobody else would be in a hurry to."""
        self._children.reap()

    # -- while it runs ----------------------------------------------------------------------------

    def _pid(self, name: str) -> int:
        """The number in a file of --pid-file (LaunchError)."""
        text = self._place.read(name).strip()
        if not text.isdigit():
            raise LaunchError("runtime", 0, "the runtime has not said which process it made", 128)
        return int(text)

    def _watch(self, pid: int) -> Fd:
        """A pipe to which the exit code of `pid` is written once it has ended (LaunchError).

        The program that was its parent has ended, so it has to be our child.
        """
        reading, writing = os.pipe2(os.O_CLOEXEC)

        def ended(code: int) -> None:
            with contextlib.suppress(BrokenPipeError):
                os.write(writing, b"%d" % code)
            os.close(writing)

        try:
            self._children.expect(pid, ended)
        except ChildProcessError as error:
            os.close(writing)
            os.close(reading)
            message = f"process {pid} of the runtime was not left to us as a child"
            raise LaunchError("runtime", error.errno or 0, message, 128) from error
        return Fd(reading)

    def _arrived(self) -> None:
        try:
            data, fds = receive(self._sock)
        except (ConnectionResetError, InvalidArgument):
            data, fds = b"", []
        message: Message = decode(data) if data else {"op": "delete"}
        match message["op"]:
            case "exec":
                self._exec(message, fds)
            case "signal":
                self._signal(message)
            case _:
                self._delete()
        for fd in fds:
            os.close(fd)

    def _exec(self, message: Message, fds: list[int]) -> None:
        self._calls += 1
        pid_file, file = f"pid-{self._calls}", f"exec-{self._calls}.json"
        socket_name = f"console-{self._calls}"
        listener: socket.socket | None = None

        def ended(failure: Failure | None) -> None:
            console, exit_code = None, None
            try:
                if failure is not None:
                    raise failure.of_exec()
                pid = self._pid(pid_file)
                exit_code = self._watch(pid)
                console = None if listener is None else _accept(listener)
                self._reply(message, {"pid": pid}, exit_code, console)
            except (BaleenError, OSError, ValueError) as error:
                self._reply(message, as_launch_error(error))
            finally:
                _close(exit_code, console)
                if listener is not None:
                    listener.close()
                for name in (pid_file, file, socket_name):
                    self._place.remove(name)

        try:
            options = ["--detach", "--pid-file", self._place.path(pid_file)]
            options += ["--process", self._place.write(file, _object(message["process"]))]
            if not fds:
                listener, further = self._console(socket_name)
                options += further
        except OSError as error:
            self._reply(message, as_launch_error(error))
        else:
            self._call("exec", options, ended, Stdio(*fds) if fds else None)

    def _signal(self, message: Message) -> None:
        def ended(failure: Failure | None) -> None:
            error = None if failure is None else InvalidArgument(failure.message)
            self._reply(message, {} if error is None else as_launch_error(error))

        number = str(message["signal"])
        self._program.call("kill", [], ended, arguments=[number], timeout_s=_MOMENT_S)

    def _delete(self) -> None:
        self._poller.remove(self._sock.fileno())
        self._program.call(
            "delete", ["--force"], lambda _failure: self._poller.stop(), timeout_s=_MOMENT_S
        )

    def _reply(self, request: Message, result: Message | LaunchError, *fds: Fd | None) -> None:
        answer: Message = {"reply": request["seq"]}
        if isinstance(result, LaunchError):
            self._send({**answer, "ok": False, **_fields(result)})
        else:
            self._send({**answer, "ok": True, **result}, *fds)

    def _send(self, message: Message, *fds: Fd | None) -> None:
        numbers = [fd.fileno() for fd in fds if fd is not None]
        # That nobody is there shows in the next message: then there is none.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            socket.send_fds(self._sock, [encode(message)], numbers, socket.MSG_NOSIGNAL)


def _close(*fds: Fd | None) -> None:
    for fd in fds:
        if fd is not None:
            fd.close()


def _fields(failure: LaunchError) -> Message:
    return {
        "stage": failure.stage,
        "errno": failure.errno,
        "message": str(failure),
        "exit_code": failure.exit_code,
    }


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _accept(listener: socket.socket) -> Fd:
    """The terminal that a program which has ended well has sent (LaunchError)."""
    listener.settimeout(_CONSOLE_S)
    try:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(_CONSOLE_S)
            _, fds, _, _ = socket.recv_fds(connection, 256, 1)
    except TimeoutError:
        fds = []
    if not fds:
        raise LaunchError("runtime", 0, "the runtime has sent no terminal", 128)
    console = Fd(fds[0])
    os.set_inheritable(console.fileno(), False)
    return console
