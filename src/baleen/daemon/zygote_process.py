"""Keeps the zygote: starts it before anything heavy is loaded, and again should it die.

The daemon itself never forks while it runs; each container's supervisor is forked by the zygote,
which gets the request and the descriptors over a SOCK_SEQPACKET pair. Supervisors do not depend
on the zygote once they run, so its death costs nothing but a restart.

See: docs/architecture.md; unix(7), SCM_RIGHTS; posix_spawn(3).
"""

from __future__ import annotations

import array
import contextlib
import json
import logging
import os
import select
import signal
import socket
import sys
from time import monotonic
from typing import TYPE_CHECKING

from baleen.errors import Unavailable

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

__all__ = ["ZygoteProcess"]

_log = logging.getLogger(__name__)

_MODULE = "baleen.runtime.zygote_program"
_MIN_LIFE_S = 1.0
_END_S = 2.0


def _seal_descriptors() -> None:
    """Mark what this process inherited: nothing of it may reach a container's process."""
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208  # numbers
        if int(name) > 2:
            with contextlib.suppress(OSError):  # the listing's own descriptor is closed by now
                os.set_inheritable(int(name), False)


class ZygoteProcess:
    """The running zygote. Owns its process and our end of the socket pair."""

    def __init__(self, command: Sequence[str] | None = None) -> None:
        self._command = list(command or [sys.executable, "-I", "-OO", "-m", _MODULE])
        self._socket: socket.socket | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started = 0.0
        self.pid = 0

    def start(self) -> None:
        """Start the process; OSError when that is impossible."""
        _seal_descriptors()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                theirs.set_inheritable(True)
                # One arena: the process has one thread, and each arena would cost each fork.
                self.pid = os.posix_spawn(
                    self._command[0],
                    [*self._command, str(theirs.fileno())],
                    {**os.environ, "MALLOC_ARENA_MAX": "1"},
                    setsigmask=[],
                    setsigdef=[signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE],
                )
            except BaseException:
                ours.close()
                raise
        ours.setblocking(False)
        self._socket = ours
        self._started = monotonic()
        if self._loop is not None:
            self._loop.add_reader(ours.fileno(), self._on_end)

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Restart the process when it ends, from now on; call once, on the running loop."""
        self._loop = loop
        if self._socket is not None:
            loop.add_reader(self._socket.fileno(), self._on_end)

    def spawn(self, request: str, fds: Sequence[int]) -> None:
        """Let the zygote fork a supervisor for the start.json at `request`.

        `fds` go along and stay the caller's. Raises Unavailable when there is no zygote.
        """
        message = json.dumps({"op": "spawn", "request": request}).encode()
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
        for attempt in (1, 2):
            if self._socket is not None:
                try:
                    self._socket.sendmsg([message], rights, socket.MSG_NOSIGNAL)
                except (BrokenPipeError, ConnectionResetError, ConnectionRefusedError):
                    self._restart()
                except BlockingIOError as err:
                    raise Unavailable("too many containers are being started at once") from err
                else:
                    return
            elif attempt == 1:
                self._restart()
        raise Unavailable("the process that starts containers cannot be started")

    def stop(self) -> None:
        """End the process; it goes by itself when the pair is closed. Waits a bounded time."""
        self._close()
        self._reap(_END_S)

    def _on_end(self) -> None:
        """The other end was closed (nothing is ever sent to us)."""
        lived = monotonic() - self._started
        _log.warning("the zygote ended, starting another", extra={"pid": self.pid})
        if lived < _MIN_LIFE_S and self._loop is not None:
            self._close()
            self._reap(_END_S)
            self._loop.call_later(_MIN_LIFE_S, self._revive)
        else:
            self._restart()

    def _revive(self) -> None:
        if self._socket is None and self._loop is not None:
            self._restart()

    def _restart(self) -> None:
        self._close()
        self._reap(_END_S)
        try:
            self.start()
        except OSError:
            _log.exception("the zygote cannot be started")

    def _close(self) -> None:
        if self._socket is not None:
            if self._loop is not None:
                self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _reap(self, limit_s: float) -> None:
        if not self.pid:
            return
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            pidfd = os.pidfd_open(self.pid)
            try:
                if not select.select([pidfd], [], [], limit_s)[0]:
                    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            finally:
                os.close(pidfd)
            os.waitpid(self.pid, 0)
        self.pid = 0
