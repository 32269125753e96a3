"""The nursery: the process that forks a shim's workers.

    shim ── fork, as its first act ──► nursery
         ──── "+" ───────────────────►      one more, please
                                            clone as sibling ──► worker, a child of the shim
         ◄─── "<pid>" + socket ───────      the shim's end of a pair, the worker has the other

A worker enters containers, where a process with CAP_SYS_PTRACE may look at it. The nursery has
never heard of a container, so its copies know of none but their own; and the shim, which serves
several, is never copied. One worker always waits ahead, so a start or an exec waits for no fork.

See: clone(2) CLONE_PARENT; CVE-2016-9962.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections import deque
from select import EPOLLIN

from baleen.errors import InvalidArgument
from baleen.linux.namespaces import clone_sibling
from baleen.linux.process import close_all_except, set_name, set_parent_death_signal
from baleen.linux.record import record
from baleen.runtime.protocol import receive
from baleen.runtime.worker import work

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from baleen.linux.cgroup import CgroupDriver
    from baleen.runtime.poller import Poller

__all__ = ["Hired", "Nursery"]

_MORE = b"+"
_SPARES = 1


@record(frozen=True, slots=True)
class Hired:
    """A worker that waits for its order: our child, to be reaped, and our end of its socket."""

    pid: int
    sock: socket.socket


class Nursery:
    """The shim's side: hands out workers. Owns the process and its socket."""

    def __init__(self, poller: Poller, cgroups: CgroupDriver) -> None:
        """Fork it (OSError); to be done before this process knows of any container."""
        self._poller = poller
        self._cgroups = cgroups
        self._ready: deque[Hired] = deque()
        self._waiting: deque[Callable[[Hired | None], None]] = deque()
        self._expected = 0
        self._sock: socket.socket | None = None
        self.pid = 0
        self._fork()

    def _fork(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        shim = os.getpid()
        with theirs:
            try:
                self.pid = os.fork()
            except OSError:
                ours.close()
                raise
            if self.pid == 0:
                _serve(theirs, self._cgroups, shim)
        self._sock = ours
        self._poller.add(ours.fileno(), EPOLLIN, self._arrived)
        self._order()

    def _order(self) -> None:
        """Have as many workers forked as are waited for, and the spare ones."""
        assert self._sock is not None
        while self._expected + len(self._ready) < len(self._waiting) + _SPARES:
            self._expected += 1
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._sock.send(_MORE, socket.MSG_NOSIGNAL)

    def hire(self, use: Callable[[Hired | None], None]) -> None:
        """Call `use` with a worker, now or when there is one; None: there cannot be one."""
        if self._sock is None and not self._revive():
            use(None)
        elif self._ready:
            hired = self._ready.popleft()
            use(hired)
            self._order()  # now that it is at work
        else:
            self._waiting.append(use)
            self._order()

    def _arrived(self, _events: int) -> None:
        assert self._sock is not None
        try:
            data, fds = receive(self._sock)
        except (ConnectionResetError, InvalidArgument):
            data, fds = b"", []
        if not data:
            self._died()
            return
        self._expected -= 1
        if not fds:  # it could not fork one
            if self._waiting:
                self._waiting.popleft()(None)
            return
        hired = Hired(int(data), socket.socket(fileno=fds[0]))
        if self._waiting:
            self._waiting.popleft()(hired)
        else:
            self._ready.append(hired)

    def _died(self) -> None:
        """Somebody killed it. Have another one, for the restarts and execs of what runs."""
        self._leave()
        self._expected = 0
        if self._waiting and not self._revive():
            waiting, self._waiting = self._waiting, deque()
            for use in waiting:
                use(None)

    def _revive(self) -> bool:
        try:
            self._fork()
        except OSError:
            return False
        return True

    def _leave(self) -> None:
        sock, self._sock = self._sock, None
        if sock is None:
            return
        self._poller.remove(sock.fileno())
        sock.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    def close(self) -> None:
        """Let it and the spare workers end, and reap them."""
        spares = list(self._ready)
        self._ready.clear()
        if self._sock is not None:
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_WR)
                spares += _rest(self._sock)
        self._leave()
        for hired in spares:
            hired.sock.close()
            with contextlib.suppress(ChildProcessError):
                os.waitpid(hired.pid, 0)


def _rest(sock: socket.socket) -> list[Hired]:
    """The workers that are on their way when no more are asked for."""
    found: list[Hired] = []
    while True:
        data, fds = receive(sock)
        if not data:
            return found
        if fds:
            found.append(Hired(int(data), socket.socket(fileno=fds[0])))


def _serve(sock: socket.socket, cgroups: CgroupDriver, shim: int) -> NoReturn:
    """The forked child: clone a worker for each message, until the shim's end is closed."""
    status = 1
    try:
        set_parent_death_signal(signal.SIGKILL)
        close_all_except({0, 1, 2, sock.fileno()})
        set_name("baleen-nursery")
        # Closed before it ended or not: without the shim there is nobody to fork for.
        while os.getppid() == shim and sock.recv(1):
            _deliver(sock, cgroups, shim)
        status = 0
    finally:
        os._exit(status)


def _deliver(sock: socket.socket, cgroups: CgroupDriver, shim: int) -> None:
    """Clone one worker and hand it over; without one, say so."""
    try:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    except OSError:
        sock.send(b"0")
        return
    with ours, theirs:
        try:
            pid = clone_sibling()
        except OSError:
            sock.send(b"0")
            return
        if pid == 0:
            work(theirs, cgroups, shim)
        socket.send_fds(sock, [b"%d" % pid], [ours.fileno()])
