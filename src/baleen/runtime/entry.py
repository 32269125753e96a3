"""The shim's side of an exec by a worker: the order, and the process that comes of it.

shim ── {"op": "exec"} + pidfd, stdio ──► worker, enters        (`enter`)
     ◄─ console, pid, failure ───────────
     ◄─ end of the stream ───────────────  execve succeeded, or has failed
"""

from __future__ import annotations

import contextlib
import os
import socket
from select import EPOLLIN

from baleen.linux import namespaces as ns
from baleen.linux.fd import Fd
from baleen.linux.process import pidfd_open, set_child_subreaper
from baleen.runtime.failure import LaunchError, as_launch_error, decode_failure
from baleen.runtime.launch import ExecProcess, destroy, own_child
from baleen.runtime.protocol import encode, receive
from baleen.runtime.sync import MESSAGE_READY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.runtime.nursery import Hired
    from baleen.runtime.poller import Poller
    from baleen.runtime.protocol import Message

__all__ = ["Entry"]

# Of this process: while one enters, what it runs becomes our child when it has ended.
_entering = 0


def _count(change: int) -> None:
    global _entering  # a property of the process, as the flag is
    before, _entering = _entering, _entering + change
    if (before == 0) != (_entering == 0):
        set_child_subreaper(enabled=_entering > 0)


class Entry:
    """One process on its way into a container; `on_end` gets it, running, or why it does not.

    `order` is the worker's, without "op"; `fds` are PID 1's pidfd and the process's stdio, none
    with a terminal; they stay the caller's.
    """

    def __init__(
        self,
        poller: Poller,
        hired: Hired,
        order: Message,
        fds: list[int],
        on_end: Callable[[ExecProcess | LaunchError], None],
    ) -> None:
        self._poller = poller
        self._sock = hired.sock
        self._worker = hired.pid
        self._through_intermediate = bool(order["namespaces"] & ns.CLONE_NEWPID)  # type: ignore[operator]
        self._on_end = on_end
        self._pid = 0
        self._console: Fd | None = None
        self._failure: LaunchError | None = None
        if self._through_intermediate:
            _count(+1)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            socket.send_fds(self._sock, [encode({"op": "exec", **order})], fds, socket.MSG_NOSIGNAL)
        poller.add(self._sock.fileno(), EPOLLIN, self._arrived)

    def _arrived(self, _events: int) -> None:
        try:
            data, fds = receive(self._sock)
        except ConnectionResetError:
            data, fds = b"", []
        if data == MESSAGE_READY and fds:
            self._console = Fd(fds[0])
        elif data[:1] == b"P":
            self._pid = int(data[1:9])
        elif data[:1] == b"{":
            self._failure = decode_failure(data)
        elif not data:
            self._ended()

    def _ended(self) -> None:
        """Nobody has the other end any more: both have executed or ended."""
        self._poller.remove(self._sock.fileno())
        self._sock.close()
        outcome: ExecProcess | LaunchError
        try:
            pidfd = self._process()
        except LaunchError as err:
            outcome = err
        except OSError as err:
            outcome = as_launch_error(err)
        else:
            outcome = ExecProcess(self._pid, pidfd, self._console)
            self._console = None
        finally:
            if self._through_intermediate:
                _count(-1)
        if self._console is not None:
            self._console.close()
        self._on_end(outcome)

    def _process(self) -> Fd:
        """A pidfd of the process; without a running one nothing is left of it. Reaps the worker."""
        if self._through_intermediate:
            # Its child is ours from here on.
            os.waitpid(self._worker, 0)
            pidfd = own_child(self._pid) if self._pid else None
        else:
            self._pid = self._worker
            pidfd = pidfd_open(self._worker)
        if self._failure is not None and pidfd is not None:
            destroy(pidfd)
        if self._failure is not None:
            raise self._failure
        if pidfd is None:
            raise LaunchError("enter", 0, "the process that enters the container died", 128)
        return pidfd
