"""The nursery: the process that forks a shim's workers.

    shim ── fork, as its first act ──► nursery
         ──── "+" ───────────────────►      one more, please
                                            clone as sibling ──► worker, a child of the shim
         ◄─── "<pid>" + socket ───────      the shim's end of a pair, the worker has the other

A worker forks processes that are in containers, so it must not know more than it has to. The
nursery has never heard of a container, so its copies begin knowing of none; and the shim, which
serves several, is never copied. One worker waits ahead, so that a start waits for no fork; one that
has done its work comes back and is used again while starts follow each other. While it waits it
makes the next PID 1 ahead (`warm`): at most as many as workers wait, and only for so long.

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
from baleen.linux.fd import Fd
from baleen.linux.namespaces import clone_sibling
from baleen.linux.process import close_all_except, set_name, set_parent_death_signal
from baleen.linux.record import record
from baleen.runtime.children import destroy
from baleen.runtime.protocol import receive
from baleen.runtime.unmounting import Unmounter
from baleen.runtime.warm_groups import let_go
from baleen.runtime.worker import work

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from baleen.linux.cgroup import Cgroup, CgroupDriver
    from baleen.runtime.poller import Deadline, Poller

__all__ = ["Hired", "Nursery"]

_MORE = b"+"
# How many work at the same time, unless one takes long.
_MOST_AT_WORK = max(2, os.cpu_count() or 1)
_MOST_READY = _MOST_AT_WORK
_PATIENCE_S = 0.5
# After so long without a start those that wait but for one are let go.
_IDLE_S = 10.0
# How soon after its dismissal a worker is reaped.
_REAP_S = 0.05


@record(frozen=True, slots=True)
class Spare:
    """A PID 1 made ahead, and the control group that it is in by all names that it may have."""

    pid: int
    pidfd: Fd
    groups: list[Cgroup]


@record(slots=True)
class Hired:
    """A worker that waits for its order: our child, to be reaped, and our end of its socket.

    `fresh`: it has not started any container yet. `spare` is the PID 1 that it has made
    ahead, our child too; see `warm`.
    """

    pid: int
    sock: socket.socket
    fresh: bool = True
    spare: Spare | None = None

    def used(self, pid: int) -> None:
        """That process is a container's, whose supervisor has a pidfd of its own."""
        if self.spare is not None and self.spare.pid == pid:
            self.spare.pidfd.close()
            self.spare = None

    def drop_spare(self) -> None:
        """Kill and reap it, if there is one: it has done nothing yet, and ends at once."""
        spare, self.spare = self.spare, None
        if spare is not None:
            destroy(spare.pidfd)
            for group in spare.groups:
                let_go(group)


@record(frozen=True, slots=True)
class _Wish:
    use: Callable[[Hired | None], None]
    fresh: bool


class Nursery:
    """The shim's side: hands out workers and takes them back. Owns the process and its socket.

    Attributes:
        keep_warm: a worker that has started containers is kept while nothing is started. One that
            has not takes a third of the memory; it will do where only restarts are to come.
    """

    def __init__(self, poller: Poller, cgroups: CgroupDriver) -> None:
        """Fork it (OSError); to be done before this process knows of any container."""
        self._poller = poller
        self._cgroups = cgroups
        self._ready: deque[Hired] = deque()
        self._waiting: deque[_Wish] = deque()
        self._expected = 0
        self._working = 0
        self._leaving: list[int] = []
        self._idle: Deadline | None = None
        self.keep_warm = True
        self._unmounter = Unmounter()
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

    def _order(self, more: int = 0) -> None:
        """Have as many workers forked as are waited for, within bounds; and one at all."""
        assert self._sock is not None
        coming = self._expected + len(self._ready)
        wanted = min(len(self._waiting), max(0, _MOST_AT_WORK - self._working)) + more
        if not (coming or self._working):
            wanted = max(wanted, 1)
        while coming < wanted:
            coming += 1
            self._expected += 1
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._sock.send(_MORE, socket.MSG_NOSIGNAL)

    def hire(self, use: Callable[[Hired | None], None], *, fresh: bool = False) -> None:
        """Call `use` with a worker, now or when there is one; None: there cannot be one.

        Of more than a few orders at a time some wait until a worker is back: they would only
        compete for the processors. But for one that is stuck nobody waits for long.
        """
        if self._sock is None and not self._revive():
            use(None)
            return
        self._waiting.append(_Wish(use, fresh))
        self._serve_waiting()
        self._order()
        if self._waiting:
            self._poller.call_later(_PATIENCE_S, self._reinforce)

    def _reinforce(self) -> None:
        if self._waiting and self._sock is not None and not self._expected:
            self._order(1)
            self._poller.call_later(_PATIENCE_S, self._reinforce)

    def _serve_waiting(self) -> None:
        """Match those who wait, in order, with those who are ready: one that is warm first."""
        for wish in list(self._waiting):
            fitting = [one for one in self._ready if one.fresh or not wish.fresh]
            if not fitting:
                continue
            hired = min(fitting, key=lambda one: (one.fresh, one.spare is None))
            self._unready(hired)
            self._waiting.remove(wish)
            self._working += 1
            wish.use(hired)

    def tell_spare(self, hired: Hired, message: bytes, fds: list[int]) -> None:
        """A worker has made a PID 1 ahead; what becomes of that is for `used` or `drop_spare`."""
        hired.drop_spare()
        pid, _, path = message[1:].decode().partition(" ")
        groups = [self._cgroups.open(path)] if path else []
        hired.spare = Spare(int(pid), Fd(fds[0]), groups)

    def tell_group(self, hired: Hired, path: str) -> None:
        """Its spare PID 1 is about to be in the control group at `path`."""
        if hired.spare is not None:
            hired.spare.groups.append(self._cgroups.open(path))

    def give_back(self, hired: Hired) -> None:
        """Take a worker back that is ready for another order."""
        self._working -= 1
        hired.fresh = False
        self._ready.append(hired)
        self._poller.add(hired.sock.fileno(), EPOLLIN, lambda _events: self._said(hired))
        self._serve_waiting()
        while len(self._ready) > _MOST_READY:
            # The warm ones are worth more.
            self._dismiss(max(self._ready, key=lambda one: one.fresh))
        self.cool_later()

    def _said(self, hired: Hired) -> None:
        """One that waits has made a spare PID 1, or was killed."""
        try:
            data, fds = receive(hired.sock)
        except (ConnectionResetError, InvalidArgument):
            data, fds = b"", []
        if data[:1] == b"W" and fds:
            self.tell_spare(hired, data, fds)
        else:
            self._dismiss(hired)
            self._order()

    def _unready(self, hired: Hired) -> None:
        self._ready.remove(hired)
        if not hired.fresh:
            self._poller.remove(hired.sock.fileno())

    def left(self) -> None:
        """A worker that was hired does not come back; its employer has reaped it."""
        self._working -= 1
        if self._sock is not None:
            self._order()

    def _cool(self) -> None:
        """Nothing was started for a while: one worker is enough."""
        self._idle = None
        if self._working:
            self._idle = self._poller.call_later(_IDLE_S, self._cool)
            return
        warm = [one for one in self._ready if not one.fresh]
        fresh = [one for one in self._ready if one.fresh]
        kept = (warm if self.keep_warm else [])[:1] or fresh[:1]
        for one in list(self._ready):
            if one not in kept:
                self._dismiss(one)
        for one in kept:
            one.drop_spare()
        self._reap_later(self._unmounter.let_go())
        if self._sock is not None:
            self._order()

    def cool_later(self) -> None:
        """Look, after a while, at what is kept."""
        if self._idle is None:
            self._idle = self._poller.call_later(_IDLE_S, self._cool)

    def _dismiss(self, hired: Hired) -> None:
        self._unready(hired)
        hired.sock.close()
        hired.drop_spare()
        self._reap_later(hired.pid)

    def unmount(self, namespace: Fd) -> None:
        """Give up a mount namespace, whose descriptor is ours from now on; see `unmounting`."""
        self._unmounter.take(namespace)
        self.cool_later()

    def _reap_later(self, pid: int) -> None:
        if pid:
            self._leaving.append(pid)
            self._poller.call_later(_REAP_S, self._reap)

    def _reap(self) -> None:
        left = []
        for pid in self._leaving:
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(pid, os.WNOHANG) == (0, 0):
                    left.append(pid)
        self._leaving = left
        if left:
            self._poller.call_later(_REAP_S, self._reap)

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
            if self._waiting and not self._working:
                self._waiting.popleft().use(None)
            return
        self._ready.append(Hired(int(data), socket.socket(fileno=fds[0])))
        self._serve_waiting()

    def _died(self) -> None:
        """Somebody killed it. Have another one, for restarts and for what is still to start."""
        self._leave()
        self._expected = 0
        if self._waiting and not self._revive():
            waiting, self._waiting = self._waiting, deque()
            for wish in waiting:
                wish.use(None)

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
        """Let it, the spare workers and what unmounts end, and reap them."""
        self._unmounter.close()
        spares = list(self._ready)
        for hired in spares:
            self._unready(hired)
        if self._sock is not None:
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_WR)
                spares += _rest(self._sock)
        self._leave()
        for hired in spares:
            hired.sock.close()
            hired.drop_spare()
            self._leaving.append(hired.pid)
        for pid in self._leaving:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        self._leaving = []


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
