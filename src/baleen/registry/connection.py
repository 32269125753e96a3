"""uvicorn's HTTP/1.1 connection with limits that a server open to the world needs.

The head of a request must be complete within a time and a size; a client that drips or floods it
costs one timer and at most that size.

See: SECURITY-CASES D07, D08; uvicorn's protocols/http/httptools_impl.py.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from baleen.registry.messages import CLOSING

if TYPE_CHECKING:
    import asyncio

__all__ = ["Connection"]

HEAD_LIMIT = 64 << 10
HEAD_TIME_S = 20.0


class Connection(HttpToolsProtocol):
    """One client's connection."""

    _head_timer: asyncio.TimerHandle | None = None
    _head_size = 0
    _pending = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        sock: socket.socket = transport.get_extra_info("socket")
        if sock.family != socket.AF_UNIX:
            # asyncio does so only for sockets whose protocol number was given. Without it the body
            # of a small answer waits 40 ms for the client's delayed acknowledgement of its head.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Begin a request: the head's time counts from its first byte."""
        super().on_message_begin()
        self.scope["extensions"] = {CLOSING: self.transport.is_closing}  # type: ignore[dict-item]
        self._head_size = 0
        self._wait_for_head()

    def on_url(self, url: bytes) -> None:
        """Count it."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count it."""
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is complete."""
        self._stop_waiting()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Take bytes, and count those of a head that the parser keeps to itself."""
        self._pending += len(data)
        super().data_received(data)
        if self._head_timer is not None and self._pending > HEAD_LIMIT:
            self.send_400_response("")

    def send_400_response(self, msg: str) -> None:
        """Refuse a head; with 431 when it is too large."""
        if self.transport.is_closing():
            return
        if self._head_timer is not None and self._pending > HEAD_LIMIT:
            self._stop_waiting()
            self.transport.write(
                STATUS_LINE[431] + b"content-length: 0\r\nconnection: close\r\n\r\n"
            )
            self.transport.close()
        else:
            super().send_400_response(msg)

    def _count(self, size: int) -> None:
        self._head_size += size
        if self._head_size > HEAD_LIMIT:
            raise ValueError("the head of the request is too large")

    def _wait_for_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
        self._head_timer = self.loop.call_later(HEAD_TIME_S, self.transport.close)

    def _stop_waiting(self) -> None:
        self._pending = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
