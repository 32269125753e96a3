"""The supervisor's side of a worker: orders, and what comes back. The picture is in `worker`.

Little is done here, on purpose: what this process touches becomes its private memory.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from select import EPOLLIN

from baleen.errors import InvalidArgument
from baleen.linux.fd import Fd
from baleen.linux.process import pidfd_send_signal, wait_pidfd
from baleen.linux.record import record
from baleen.runtime.failure import LaunchError, decode_failure
from baleen.runtime.launch import init_ended
from baleen.runtime.protocol import decode, receive
from baleen.runtime.request import DnsRequest, LogRequest
from baleen.runtime.restart import RestartPolicy
from baleen.runtime.worker import GO, START, work

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from baleen.linux.cgroup import CgroupDriver
    from baleen.runtime.poller import Poller
    from baleen.runtime.prepare import Stdio

__all__ = ["Facts", "Worker"]


@record(slots=True)
class Facts:
    """What a supervisor needs to know of start.json and config.json; the terms are theirs.

    Attributes:
        path: of start.json.
        host_names: of the host's ends of the interfaces.
        terminal: PID 1 gets one.
        namespaces: the kinds that the container has of its own or has joined.
        cgroup: path of the control group, "" for none.
    """

    path: str
    bundle: str
    state_dir: str
    log: LogRequest
    open_stdin: bool
    stdin_once: bool
    restart: RestartPolicy
    restart_count: int
    dns: DnsRequest | None
    host_names: list[str]
    reserved_fds: int
    terminal: bool
    namespaces: list[str]
    cgroup: str


class Worker:
    """One start of a container. To be given up by `close`, whatever happened.

    Attributes:
        pidfd: of PID 1, our child, as soon as it exists; taken over by who calls `take`.
        made_cgroup: the container's control group exists, for us to remove.
    """

    def __init__(
        self, cgroups: CgroupDriver, netns: Fd | None = None, *, has_cgroup: bool = False
    ) -> None:
        """Fork it (OSError)."""
        self._sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.made_cgroup = has_cgroup
        self.pid = 0
        self.pidfd: Fd | None = None
        self.started_at = ""
        self.console: Fd | None = None
        self._helper = 0
        # A start was ordered, and its outcome is not known.
        self._ordered = False
        supervisor = os.getpid()
        with theirs:
            self._worker = os.fork()
            if self._worker == 0:
                kept = -1 if netns is None else netns.fileno()
                work(theirs, cgroups, supervisor, kept, has_cgroup=has_cgroup)

    def load(self, path: str) -> Facts:
        """Have start.json and config.json read; what is wrong with the latter is told by `wait`.

        Raises:
            InvalidArgument: start.json cannot be read or is malformed.
        """
        self._send(os.fsencode(path))
        data, _ = self._receive()
        if data[:1] == b"!":
            raise InvalidArgument(data[1:].decode(errors="replace"))
        if not data:
            raise InvalidArgument("the process that reads start.json died")
        fields: dict[str, Any] = decode(data)
        fields["log"] = LogRequest(*fields["log"])
        fields["restart"] = RestartPolicy(*fields["restart"])
        if fields["dns"] is not None:
            fields["dns"] = DnsRequest(*fields["dns"])
        return Facts(path, **fields)

    def start(self, stdio: Stdio | None) -> None:
        """Let it start PID 1 with these descriptors, which stay the caller's."""
        fds = [] if stdio is None else [stdio.stdin, stdio.stdout, stdio.stderr]
        self._ordered = True
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            socket.send_fds(self._sock, [START], fds, socket.MSG_NOSIGNAL)

    def _send(self, data: bytes) -> None:
        # That nobody is there shows in the next message.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._sock.send(data, socket.MSG_NOSIGNAL)

    def wait(self, on_netns: Callable[[Fd], bool]) -> None:
        """Block until PID 1 has executed its program; then `pid`, `started_at`, `console` are set.

        `on_netns` is given a new network namespace, to keep; true: the worker waits for us.

        Raises:
            LaunchError: it could not; the caller has to `close` the rest.
        """
        while True:
            data, fds = self._receive()
            kind = data[:1]
            if kind == b"N":
                if on_netns(Fd(fds[0])):
                    self._send(GO)
            elif kind == b"S":
                self.started_at = data[1:].decode()
                self.console = Fd(fds[0]) if fds else None
                return
            elif kind not in (b"C", b"H"):
                break
        if kind == b"F":
            raise decode_failure(data[2:])
        if kind == b"E" and self.pidfd is not None:
            raise init_ended(wait_pidfd(self.pidfd.fileno()))
        raise LaunchError("start", 0, "the process that starts the container died", 128)

    def _receive(self) -> tuple[bytes, list[int]]:
        """The next message, empty at the end; what has to be known in any case is noted."""
        try:
            data, fds = receive(self._sock)
        except ConnectionResetError:
            data, fds = b"", []
        kind = data[:1]
        if kind == b"C":
            self.pid, self.pidfd = int(data[1:]), Fd(fds[0])
        elif kind == b"H":
            self._helper = int(data[1:])
        elif self._ordered and kind in (b"S", b"F", b"E", b""):
            # One that died without a word may have made it.
            self.made_cgroup = data[1:2] != b"0" or kind == b"S"
            self._ordered = False
        return data, fds

    def take(self, poller: Poller) -> Fd:
        """Give PID 1's pidfd away after a start; the worker is reaped when it has ended."""
        assert self.pidfd is not None
        pidfd, self.pidfd = self.pidfd, None
        poller.add(self._sock.fileno(), EPOLLIN, lambda _events: self._ended(poller))
        return pidfd

    def _ended(self, poller: Poller) -> None:
        poller.remove(self._sock.fileno())
        self.close()

    def close(self) -> None:
        """Let the worker end and reap it; a PID 1 that was not taken is killed and reaped."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)
        while self._ordered:  # we gave up before it did: what it makes is to be known
            self._kill()
            _, fds = self._receive()
            if self.pidfd is None or fds[:1] != [self.pidfd.fileno()]:
                for fd in fds:
                    os.close(fd)
        self._kill()
        self._sock.close()
        pidfd, self.pidfd = self.pidfd, None
        if pidfd is not None:
            with contextlib.suppress(ChildProcessError):
                wait_pidfd(pidfd.fileno())
            pidfd.close()
        for pid in (self._helper, self._worker):
            if pid:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)
        self._helper = self._worker = 0

    def _kill(self) -> None:
        if self.pidfd is not None:
            pidfd_send_signal(self.pidfd.fileno(), signal.SIGKILL)
