"""Datagrams between the daemon, the zygote and the supervisors.

One JSON object in one datagram of an AF_UNIX SOCK_SEQPACKET socket, with descriptors as
SCM_RIGHTS. The kernel keeps the borders of messages, so a peer that dies in the middle of a
sentence leaves nothing half said.

See: unix(7), the table of operations in `supervisor`.
"""

from __future__ import annotations

import array
import json
import os
import socket
from collections import deque
from select import EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT

from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.runtime.poller import Poller

__all__ = ["MAX_DATAGRAM", "Connection", "Message", "decode", "encode", "receive"]

Message = dict[str, object]

MAX_DATAGRAM = 256 * 1024
# SCM_MAX_FD of the kernel.
_MAX_FDS = 253
# A daemon that does not read for so long that this many events pile up is as good as gone; it will
# ask for the state when it comes back.
_MAX_QUEUED = 1024


# Made once: json.dumps would make one for each message.
_encode = json.JSONEncoder(separators=(",", ":")).encode
_decode = json.JSONDecoder().decode


def encode(message: Message) -> bytes:
    """Return the datagram of a message."""
    return _encode(message).encode()


def decode(data: bytes) -> Message:
    """Return the object in a datagram.

    Raises:
        InvalidArgument: it is not one JSON object.
    """
    try:
        message = _decode(data.decode())
    except (ValueError, RecursionError) as err:
        raise InvalidArgument(f"not a JSON message: {err}") from err
    if not isinstance(message, dict):
        raise InvalidArgument("not a JSON object")
    return message


def receive(sock: socket.socket) -> tuple[bytes, list[int]]:
    """Receive one datagram and its descriptors, which are CLOEXEC and owned by the caller.

    Empty data without descriptors is the end of the stream.

    Raises:
        BlockingIOError: nothing there on a non-blocking socket.
        InvalidArgument: longer than MAX_DATAGRAM or with too many descriptors; it is consumed and
            the descriptors that came are closed.
    """
    # Asked for first: a buffer for the largest one would be mapped and unmapped for each.
    size = sock.recv_into(bytearray(1), 1, socket.MSG_PEEK | socket.MSG_TRUNC)
    data, control, flags, _ = sock.recvmsg(
        min(size, MAX_DATAGRAM), socket.CMSG_SPACE(_MAX_FDS * 4), socket.MSG_CMSG_CLOEXEC
    )
    fds: list[int] = []
    for level, kind, payload in control:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            received = array.array("i")
            received.frombytes(payload[: len(payload) - len(payload) % received.itemsize])
            fds.extend(received)
    if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
        for fd in fds:
            os.close(fd)
        raise InvalidArgument("a message is longer than the protocol allows")
    return data, fds


class Connection:
    """One daemon's connection to a supervisor; owns the socket.

    Requests go to `on_request(message, fds)`, which takes the descriptors over. `on_closed` is
    called once when the daemon is gone, whoever noticed it. Sending never blocks.
    """

    def __init__(
        self,
        poller: Poller,
        sock: socket.socket,
        on_request: Callable[[Message, list[int]], None],
        on_closed: Callable[[Connection], None],
    ) -> None:
        sock.setblocking(False)
        self._poller = poller
        self._sock = sock
        self._fd = sock.fileno()
        self._on_request = on_request
        self._on_closed = on_closed
        self._queue: deque[bytes] = deque()
        self._open = True
        self._closing = False
        self._paused = False
        poller.add(self._fd, EPOLLIN, self._on_ready)

    def pause(self) -> None:
        """Serve no request, and notice no end, until `resume`; what is sent goes on."""
        if self._open and not self._paused:
            self._paused = True
            # Not only masked: the end of the other side would still be reported, again and again.
            self._poller.remove(self._fd)

    def resume(self) -> None:
        """Serve requests again; those that came meanwhile are in the socket."""
        if self._open and self._paused:
            self._paused = False
            self._poller.add(self._fd, self._wanted(), self._on_ready)

    def _wanted(self) -> int:
        return EPOLLIN | EPOLLOUT if self._queue else EPOLLIN

    def send(self, message: Message) -> None:
        """Send or queue a message; dropped when the connection is closed."""
        if not self._open:
            return
        self._queue.append(encode(message))
        if len(self._queue) == 1:
            self._flush()
            if self._queue and self._open and not self._paused:
                self._poller.modify(self._fd, self._wanted())
        elif len(self._queue) > _MAX_QUEUED:
            self.close()

    def close_when_sent(self) -> None:
        """Close once everything queued was taken; no request is served any more."""
        self._closing = True
        if not self._queue:
            self.close()
        else:
            self.resume()

    def _flush(self) -> None:
        while self._queue:
            try:
                self._sock.send(self._queue[0], socket.MSG_NOSIGNAL)
            except BlockingIOError:
                return
            except OSError:
                self.close()
                return
            if self._queue:
                self._queue.popleft()

    def _on_ready(self, events: int) -> None:
        if events & EPOLLOUT:
            self._flush()
            if not self._queue and self._closing:
                self.close()
            elif not self._queue and self._open:
                self._poller.modify(self._fd, EPOLLIN)
        if events & (EPOLLIN | EPOLLHUP | EPOLLERR) and self._open:
            self._receive()

    def _receive(self) -> None:
        try:
            data, fds = receive(self._sock)
        except BlockingIOError:
            return
        except InvalidArgument as err:
            # The sequence number is lost with the message; the daemon sees an unasked-for error.
            self.send({"event": "error", "message": err.message})
            return
        except OSError:
            self.close()
            return
        if not data:
            for fd in fds:
                os.close(fd)
            self.close()
            return
        try:
            message = decode(data)
        except InvalidArgument as err:
            for fd in fds:
                os.close(fd)
            self.send({"event": "error", "message": err.message})
            return
        self._on_request(message, fds)

    def close(self) -> None:
        """Close the socket; queued messages are lost. A second call does nothing."""
        if not self._open:
            return
        self._open = False
        self._poller.remove(self._fd)
        self._sock.close()
        self._queue.clear()
        self._on_closed(self)
