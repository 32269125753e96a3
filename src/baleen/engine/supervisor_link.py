"""The daemon's end of one supervisor's control socket.

Protocol (SOCK_SEQPACKET, one JSON object in a datagram, descriptors by SCM_RIGHTS):

    daemon                                supervisor
      │ {"seq": 7, "op": "start"}             │
      ├──────────────────────────────────────►│
      │            {"reply": 7, "ok": true …} │
      │◄──────────────────────────────────────┤
      │        {"event": "exited", …}         │
      │◄──────────────────────────────────────┤

See `baleen.runtime.supervisor` for the operations and events.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from typing import TYPE_CHECKING, Any

from baleen.errors import Internal, NotFound, StartFailed, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["Message", "SupervisorLink", "end_supervisor", "supervisor_listens"]

_KILL_S = 5.0

Message = dict[str, Any]

# A datagram may be as long as the socket's send buffer; the protocol stays well below.
_MAX_DATAGRAM = 256 * 1024


def _connect(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    directory = -1
    try:
        # A socket's address holds 107 bytes, which the path of a bundle can exceed.
        directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        sock.connect(f"/proc/self/fd/{directory}/{path.name}")
    except OSError as err:
        sock.close()
        raise NotFound(f"no supervisor listens on {path}: {err.strerror}") from err
    finally:
        if directory >= 0:
            os.close(directory)
    return sock


def supervisor_listens(path: Path) -> bool:
    """Whether a supervisor listens on `path`; to it this looks like a daemon that goes at once."""
    try:
        _connect(path).close()
    except NotFound:
        return False
    return True


def end_supervisor(path: Path) -> bool:
    """Have the supervisor that listens on `path` kill its container; wait until both are gone.

    Returns False when there is none. Blocks, for the moment that the kernel needs, at most 5 s.
    """
    try:
        sock = _connect(path)
    except NotFound:
        return False
    with sock, contextlib.suppress(OSError):
        sock.settimeout(_KILL_S)
        sock.send(b'{"seq":1,"op":"destroy"}')
        # The reply and events; the end of the connection is the end of the supervisor.
        while sock.recv(_MAX_DATAGRAM):
            pass
    return True


class SupervisorLink:
    """Requests to one supervisor and its events, in order, on the running event loop.

    Owns `sock`. `on_event` is called for every event, `on_lost` once when the supervisor's end is
    closed; both are called on the loop and must not block.
    """

    def __init__(
        self,
        sock: socket.socket,
        on_event: Callable[[Message], None],
        on_lost: Callable[[], None],
    ) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._on_event = on_event
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._sequence = 0
        self._replies: dict[int, asyncio.Future[Message]] = {}
        self._closed = False
        self._loop.add_reader(sock.fileno(), self._readable)

    @classmethod
    def connect(
        cls,
        path: Path,
        on_event: Callable[[Message], None],
        on_lost: Callable[[], None],
    ) -> SupervisorLink:
        """Open a link to a running supervisor (after a restart of the daemon).

        Raises:
            NotFound: no supervisor listens there.
        """
        return cls(_connect(path), on_event, on_lost)

    @property
    def is_open(self) -> bool:
        """Whether the supervisor's end was open when last looked at."""
        return not self._closed

    def send(
        self, op: str, *, fds: Sequence[int] = (), **fields: object
    ) -> asyncio.Future[Message]:
        """Send a request; the future gives the reply's fields or raises what went wrong.

        The descriptors are duplicated by the kernel: the caller keeps and closes its own.
        """
        future: asyncio.Future[Message] = self._loop.create_future()
        if self._closed:
            future.set_exception(Unavailable("the container's supervisor has ended"))
            return future
        self._sequence += 1
        message = json.dumps({"seq": self._sequence, "op": op, **fields}).encode()
        try:
            socket.send_fds(self._sock, [message], list(fds))
        except OSError as err:
            future.set_exception(Unavailable(f"cannot reach the container's supervisor: {err}"))
            return future
        self._replies[self._sequence] = future
        # A caller that was cancelled must not turn a late error reply into a log line.
        future.add_done_callback(_retrieve)
        return future

    def _readable(self) -> None:
        # A bounded number of datagrams in one go, so that a chatty supervisor cannot hold the loop.
        for _ in range(32):
            try:
                data = self._sock.recv(_MAX_DATAGRAM)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._lost()
                return
            self._dispatch(json.loads(data))

    def _dispatch(self, message: Message) -> None:
        if "event" in message:
            self._on_event(message)
            return
        future = self._replies.pop(message["reply"], None)
        if future is None or future.done():
            return
        if message["ok"]:
            future.set_result(message)
        else:
            future.set_exception(_error(message["error"]))

    def _lost(self) -> None:
        if self._closed:
            return
        self.close()
        self._on_lost()

    def close(self) -> None:
        """Give up the link; the supervisor goes on. Open requests fail."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._sock.fileno())
        self._sock.close()
        for future in self._replies.values():
            if not future.done():
                future.set_exception(Unavailable("the container's supervisor has ended"))
        self._replies.clear()


def _retrieve(future: asyncio.Future[Message]) -> None:
    if not future.cancelled():
        future.exception()


def _error(error: Message) -> Exception:
    message = str(error.get("message") or error.get("stage") or "unknown error")
    exit_code = error.get("exit_code")
    if exit_code:
        return StartFailed(message, exit_code=int(exit_code))
    return Internal(message)
