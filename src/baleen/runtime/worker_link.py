"""The shim's side of a start by a worker: orders, and what comes back. See `worker`.

Nothing here blocks but for the moment in which a process that ends is reaped: a shim serves other
containers meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from select import EPOLLIN

from baleen.errors import BaleenError, InvalidArgument
from baleen.linux.fd import Fd
from baleen.linux.process import pidfd_send_signal, wait_pidfd
from baleen.linux.record import record
from baleen.runtime.failure import LaunchError, as_launch_error, decode_failure
from baleen.runtime.launch import init_ended
from baleen.runtime.protocol import decode, encode, receive
from baleen.runtime.request import DnsRequest, LogRequest
from baleen.runtime.restart import RestartPolicy
from baleen.runtime.worker import GO, START

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from baleen.runtime.nursery import Hired, Nursery
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
        foreign: another runtime makes it, see `foreign`.
        dies_alone: it is killed when the daemon's connection ends.
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
    foreign: bool = False
    dies_alone: bool = False


class Worker:
    """One start of a container. To be given up by `close`, whatever happened.

    Attributes:
        pidfd: of PID 1, our child, as soon as it exists; taken over by who calls `take`.
        mounts: its mount namespace; taken over by who calls `take_mounts`.
        made_cgroup: the container's control group exists, for us to remove.
    """

    def __init__(
        self,
        nursery: Nursery,
        poller: Poller,
        path: str,
        on_facts: Callable[[Facts | BaleenError], None],
        *,
        netns: Fd | None = None,
        has_cgroup: bool = False,
    ) -> None:
        """Have start.json at `path` and its config.json read; `on_facts` gets them, or the error.

        What is wrong with the latter is told by the start. `netns`, of the run before, is
        borrowed until then.
        """
        self._nursery = nursery
        self._poller = poller
        self._path = path
        self._on_facts: Callable[[Facts | BaleenError], None] | None = on_facts
        self._netns = netns
        self.made_cgroup = has_cgroup
        self.pid = 0
        self.pidfd: Fd | None = None
        self.mounts: Fd | None = None
        self.started_at = ""
        self.console: Fd | None = None
        self._hired: Hired | None = None
        self._helper = 0
        self._on_netns: Callable[[Fd], bool] | None = None
        self._on_end: Callable[[LaunchError | None], None] | None = None
        self._closed = False
        nursery.hire(self._use)

    # -- its life ---------------------------------------------------------------------------------

    def _use(self, hired: Hired | None) -> None:
        if hired is None:
            if not self._closed:
                self._tell_facts(InvalidArgument("no process can be forked to start the container"))
            return
        if self._closed:
            self._nursery.give_back(hired)
            return
        self._hired = hired
        order = {"request": self._path, "has_cgroup": self.made_cgroup}
        fds = [] if self._netns is None else [self._netns.fileno()]
        self._send(encode(order), fds)
        self._poller.add(hired.sock.fileno(), EPOLLIN, lambda _events: self._arrived())

    def _give_back(self) -> None:
        """It has said that it takes other orders."""
        hired, self._hired = self._hired, None
        assert hired is not None
        self._poller.remove(hired.sock.fileno())
        self._nursery.give_back(hired)

    def start(
        self,
        stdio: Stdio | None,
        on_netns: Callable[[Fd], bool],
        on_end: Callable[[LaunchError | None], None],
    ) -> None:
        """Let it start PID 1 with these descriptors, which stay the caller's.

        `on_netns` is given a new network namespace, to keep; true: the worker waits for us, and
        has waited when that returns. `on_end` is called when PID 1 has executed its program, and
        `pid`, `started_at`, `console` are set; or with the failure, for the caller to `close`.
        """
        if self._closed:
            on_end(_died())
            return
        self._on_netns, self._on_end = on_netns, on_end
        fds = [] if stdio is None else [stdio.stdin, stdio.stdout, stdio.stderr]
        self._send(START, fds)

    def _send(self, data: bytes, fds: list[int] | None = None) -> None:
        assert self._hired is not None
        # That nobody is there shows in the next message.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            socket.send_fds(self._hired.sock, [data], fds or [], socket.MSG_NOSIGNAL)

    def hand_over(self) -> Hired:
        """Give the worker away, which has told its facts and was not started: the caller's now.

        Raises LaunchError if it has died since.
        """
        hired, self._hired = self._hired, None
        if hired is None:
            raise _died()
        self._poller.remove(hired.sock.fileno())
        self._closed = True
        return hired

    def take(self) -> Fd:
        """Give PID 1's pidfd away after a start."""
        assert self.pidfd is not None
        pidfd, self.pidfd = self.pidfd, None
        return pidfd

    def take_mounts(self) -> Fd | None:
        """Give the mount namespace away after a start, if it is known."""
        mounts, self.mounts = self.mounts, None
        return mounts

    # -- what it says -----------------------------------------------------------------------------

    def _arrived(self) -> None:
        data, fds = self._receive()
        kind = data[:1]
        try:
            if kind in (b"C", b"G", b"H", b"M", b"W"):
                return
            if self._on_facts is not None and data == b"?":
                self._give_back()
                self._nursery.hire(self._use, fresh=True)
            elif self._on_facts is not None:
                self._facts_arrived(data)
            elif kind == b"N" and self._on_netns is not None:
                if self._on_netns(Fd(fds[0])):
                    self._send(GO)
            elif self._on_end is not None:
                on_end, self._on_end = self._on_end, None
                on_end(self._outcome(data, fds))
            elif not data:
                self.close()
        except (BaleenError, OSError, ValueError) as err:
            left = self._on_end
            if left is None:
                raise
            self.close()
            left(as_launch_error(err))

    def _facts_arrived(self, data: bytes) -> None:
        if data[:1] == b"!":
            self._tell_facts(InvalidArgument(data[1:].decode(errors="replace")))
        elif not data:
            self._tell_facts(InvalidArgument("the process that reads start.json died"))
        else:
            fields: dict[str, Any] = decode(data)
            fields["log"] = LogRequest(*fields["log"])
            fields["restart"] = RestartPolicy(*fields["restart"])
            if fields["dns"] is not None:
                fields["dns"] = DnsRequest(*fields["dns"])
            self._tell_facts(Facts(self._path, **fields))

    def _tell_facts(self, facts: Facts | BaleenError) -> None:
        tell, self._on_facts = self._on_facts, None
        assert tell is not None
        tell(facts)

    def _outcome(self, data: bytes, fds: list[int]) -> LaunchError | None:
        kind = data[:1]
        if kind == b"S":
            self.started_at = data[2:].decode()
            self._reap_helper()
            self.console = Fd(fds[0]) if fds else None
            if data[1:2] == b"1":
                self._give_back()
            return None
        if kind == b"F":
            return decode_failure(data[2:])
        if kind == b"E" and self.pidfd is not None:
            return init_ended(wait_pidfd(self.pidfd.fileno()))
        return _died()

    def _reap_helper(self) -> None:
        """Reap the intermediate process, which has ended: in a control group, a zombie counts."""
        with contextlib.suppress(ChildProcessError):
            if self._helper and os.waitpid(self._helper, os.WNOHANG)[0]:
                self._helper = 0

    def _receive(self) -> tuple[bytes, list[int]]:
        """The next message, empty at the end; what has to be known in any case is noted."""
        assert self._hired is not None
        try:
            data, fds = receive(self._hired.sock)
        except ConnectionResetError:
            data, fds = b"", []
        kind = data[:1]
        if kind == b"C":
            self.pid, self.pidfd = int(data[1:]), Fd(fds[0])
        elif kind == b"W":
            self._nursery.tell_spare(self._hired, data, fds)
        elif kind == b"G":
            self._nursery.tell_group(self._hired, data[1:].decode())
        elif kind == b"M" and fds:
            self.mounts = Fd(fds[0])
        elif kind == b"H":
            self._helper = int(data[1:])
        elif self._on_end is not None and kind in (b"S", b"F", b"E", b""):
            # One that died without a word may have made it.
            self.made_cgroup = kind == b"S" or data[1:2] != b"0"
            if kind == b"S":
                self._hired.used(self.pid)
        return data, fds

    # -- the end ----------------------------------------------------------------------------------

    def close(self) -> None:
        """Let the worker end and reap it; a PID 1 that was not taken is killed and reaped.

        One that was given back goes on.
        """
        self._closed = True
        hired = self._hired
        if hired is not None:
            self._leave(hired.sock)
            self._hired = None
        self._kill()
        pidfd, self.pidfd = self.pidfd, None
        if pidfd is not None:
            with contextlib.suppress(ChildProcessError):
                wait_pidfd(pidfd.fileno())
            pidfd.close()
        for kept in (self.console, self.mounts):
            if kept is not None:
                kept.close()
        self.console = self.mounts = None
        helper, self._helper = self._helper, 0
        for pid in (helper, 0 if hired is None else hired.pid):
            if pid:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)
        if hired is not None:
            hired.drop_spare()
            self._nursery.left()

    def _leave(self, sock: socket.socket) -> None:
        self._poller.remove(sock.fileno())
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_WR)
        while self._on_end is not None:  # we gave up before it did: what it makes is to be known
            self._kill()
            data, fds = self._receive()
            if data[:1] not in (b"C", b"M", b"W"):  # those are somebody's by now
                for fd in fds:
                    os.close(fd)
            if data[:1] not in (b"C", b"G", b"H", b"M", b"N", b"W"):
                self._on_end = None
        self._kill()
        sock.close()

    def _kill(self) -> None:
        if self.pidfd is not None:
            pidfd_send_signal(self.pidfd.fileno(), signal.SIGKILL)


def _died() -> LaunchError:
    return LaunchError("start", 0, "the process that starts the container died", 128)
