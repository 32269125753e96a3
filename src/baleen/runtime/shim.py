"""The shim: the process in which the supervisors of a few containers live.

    zygote ── start.json, control socket, ports' sockets ──► shim
           ◄─ "-" ──────────────────────────────────────────    a container's supervisor is done

One process for each container would be the smallest thing to lose, but most of what it takes,
memory and the copying of it, is the interpreter's and the same in all. A few share one: a kill -9
of a shim ends `MOST_CONTAINERS` containers at most. A bug met while one container is served is
reported to its daemon, and the others go on.

A shim outlives the zygote that has forked it; it ends with the last of its containers then, and
otherwise when the zygote lets it go.

See: docs/architecture.md, docs/adr/0005-shims.md.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import sys
from select import EPOLLIN

from baleen.errors import BaleenError, InvalidArgument
from baleen.linux.process import close_all_except, set_name
from baleen.runtime.nursery import Nursery
from baleen.runtime.poller import Loop, Poller
from baleen.runtime.protocol import decode, encode, receive
from baleen.runtime.supervisor import Supervisor
from baleen.runtime.worker_link import Facts, Worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from baleen.linux.cgroup import CgroupDriver
    from baleen.runtime.protocol import Message

__all__ = ["DONE", "MOST_CONTAINERS", "Shim", "be_shim"]

# How many containers one process serves; what is lost with it, against what it costs.
MOST_CONTAINERS = 8
DONE = b"-"
# Objects of ended containers know each other in circles; so many of them are let pile up.
_COLLECT_EVERY = 16


def be_shim(sock: socket.socket, cgroups: CgroupDriver) -> NoReturn:
    """Be a shim, just forked by the zygote at the other end of `sock`; never returns."""
    status = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        # Whoever reads the daemon's output must not wait for the containers' end.
        null = os.open("/dev/null", os.O_RDWR)
        for target in range(3):
            os.dup2(null, target)
        close_all_except({0, 1, 2, sock.fileno()})
        set_name("baleen-shim")
        os.umask(0o022)
        Shim(sock, cgroups).run()
        status = 0
    finally:
        os._exit(status)


class Shim:
    """Serves the containers that the zygote hands over; owns `sock`."""

    def __init__(self, sock: socket.socket, cgroups: CgroupDriver) -> None:
        """Fork the nursery (OSError)."""
        self._loop = Loop()
        self._poller = Poller(_report, loop=self._loop)
        self._cgroups = cgroups
        self._nursery = Nursery(self._poller, cgroups)
        self._sock: socket.socket | None = sock
        self._served = 0
        self._ended = 0
        self._poller.add(sock.fileno(), EPOLLIN, self._arrived)

    def run(self) -> None:
        """Serve until the zygote has let go and the last container has ended."""
        self._poller.run()
        self._nursery.close()
        self._poller.close()
        self._loop.close()

    def _arrived(self, _events: int) -> None:
        assert self._sock is not None
        try:
            data, fds = receive(self._sock)
        except InvalidArgument:
            self._done()
            return
        except ConnectionResetError:
            data, fds = b"", []
        if data:
            self._count(+1)
            _Container(self, os.fsdecode(data), fds)
            return
        self._poller.remove(self._sock.fileno())
        self._sock.close()
        self._sock = None
        self._maybe_end()

    def _count(self, change: int) -> None:
        self._served += change
        # One that is full has only restarts to expect.
        warm = self._served < MOST_CONTAINERS
        if warm != self._nursery.keep_warm:
            self._nursery.keep_warm = warm
            self._nursery.cool_later()

    def _done(self) -> None:
        if self._sock is not None:
            with contextlib.suppress(OSError):
                self._sock.send(DONE, socket.MSG_NOSIGNAL)

    def container_ended(self) -> None:
        """One of the containers has nothing here any more."""
        self._count(-1)
        self._ended += 1
        self._done()
        if self._ended % _COLLECT_EVERY == 0:
            gc.collect()
        self._maybe_end()

    def _maybe_end(self) -> None:
        if self._sock is None and self._served == 0:
            self._poller.stop()

    def hire(self, container: _Container, path: str, poller: Poller) -> Worker:
        """The worker that reads the request at `path` and then starts the container."""
        return Worker(self._nursery, poller, path, container.have_read)

    def poller(self, container: _Container) -> Poller:
        """A share of the loop for a container."""
        return Poller(container.failed, loop=self._loop, on_stop=container.ended)

    def supervisor(
        self, poller: Poller, facts: Facts, worker: Worker, reserved: list[int]
    ) -> Supervisor:
        """The supervisor of a container, whose control socket it does not serve yet."""
        return Supervisor(poller, facts, worker, self._nursery, self._cgroups, reserved)


class _Container:
    """One container's place in the shim, from the request to the supervisor's end."""

    def __init__(self, shim: Shim, path: str, fds: list[int]) -> None:
        """Have the request read; owns the descriptors: the control socket, the ports' sockets."""
        self._shim = shim
        self._control = socket.socket(fileno=fds[0])
        self._reserved = fds[1:]
        self._poller = shim.poller(self)
        self._supervisor: Supervisor | None = None
        self._worker = shim.hire(self, path, self._poller)

    def have_read(self, facts: Facts | BaleenError) -> None:
        """The request was read, or cannot be."""
        if isinstance(facts, BaleenError):
            self._refuse(str(facts))
        elif len(self._reserved) != facts.reserved_fds:
            self._refuse(
                f"{len(self._reserved)} descriptors were passed, {facts.reserved_fds} are expected"
            )
        else:
            self._supervisor = self._shim.supervisor(
                self._poller, facts, self._worker, self._reserved
            )
            self._supervisor.serve(self._control)

    def _refuse(self, message: str) -> None:
        refuse(self._control, message)
        self._control.close()
        for fd in self._reserved:
            os.close(fd)
        self._reserved = []
        # Not from within its own callback.
        self._poller.stop()

    def failed(self, err: Exception) -> None:
        """A bug was met while this container was served."""
        if self._supervisor is not None:
            self._supervisor.report_bug(err)
        else:
            self._refuse(f"{type(err).__name__}: {err}")

    def ended(self) -> None:
        """The supervisor is done: leave nothing of the container here."""
        if self._supervisor is None:
            self._worker.close()
        self._supervisor = None
        self._poller.close()
        self._shim.container_ended()


def refuse(control: socket.socket, message: str) -> None:
    """Say why there is no supervisor: to the first request if there is one, else as an event."""
    seq = None
    with contextlib.suppress(BlockingIOError, OSError, BaleenError):
        control.setblocking(False)
        data, fds = receive(control)
        for fd in fds:
            os.close(fd)
        seq = decode(data).get("seq")
    error = {"stage": "supervisor", "errno": 0, "message": message, "exit_code": 128}
    answer: Message = {"reply": seq, "ok": False, "error": error}
    if seq is None:
        answer = {"event": "error", "message": message}
    with contextlib.suppress(OSError):
        control.send(encode(answer), socket.MSG_NOSIGNAL)


def _report(err: Exception) -> None:
    """A bug of the shim's own: nobody's container, and no reason to end those that are there."""
    print(f"baleen shim: {type(err).__name__}: {err}", file=sys.stderr)  # noqa: T201
