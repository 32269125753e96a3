"""What a connection gives to handlers and takes back: Request, Body, Response, StreamResponse.

A handler is called with a Request and returns one of the two responses, or `HIJACKED` after
`Request.upgrade` gave the connection away. The body is read only when the handler asks for it,
so a refused request costs no upload.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from baleen.daemon.http_head import Head

__all__ = ["HIJACKED", "REASONS", "Body", "Request", "Response", "StreamResponse", "UpgradeHead"]

REASONS: Final = {
    101: "Switching Protocols",
    200: "OK",
    201: "Created",
    204: "No Content",
    301: "Moved Permanently",
    304: "Not Modified",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    408: "Request Timeout",
    409: "Conflict",
    413: "Request Entity Too Large",
    414: "Request URI Too Long",
    417: "Expectation Failed",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}

_HIGH_WATER = 1 << 20
_LOW_WATER = 128 << 10


class Response:
    """A whole answer. `headers` is text that goes into the head as it is: lines with CRLF."""

    __slots__ = ("body", "content_type", "headers", "status")

    def __init__(
        self,
        status: int = 200,
        body: bytes = b"",
        *,
        content_type: str = "application/json",
        headers: str = "",
    ) -> None:
        self.status = status
        self.body = body
        self.content_type = content_type
        self.headers = headers


class StreamResponse:
    """An answer whose body comes bit by bit; the head is sent before the first bit is awaited.

    `live` streams (events, followed logs, stats, wait) end when the client stops listening; the
    others (archives) are finite and go on over a half-closed connection. The iterator's
    `aclose` is always awaited.
    """

    __slots__ = ("chunks", "content_type", "headers", "live", "status")

    def __init__(
        self,
        chunks: AsyncIterator[bytes],
        *,
        content_type: str,
        live: bool,
        status: int = 200,
        headers: str = "",
    ) -> None:
        self.chunks = chunks
        self.content_type = content_type
        self.live = live
        self.status = status
        self.headers = headers


HIJACKED: Final = Response(101)
"""Returned by a handler after it gave the connection away: nothing is written any more."""


class Body:
    """A request's body: filled by the connection, read once by the handler, bounded.

    `wants` is called when there is room again, `begin` once, when reading begins (to send
    `100 Continue`).
    """

    __slots__ = ("_begin", "_chunks", "_error", "_size", "_waiter", "_wants", "complete")

    def __init__(self, begin: Callable[[], None], wants: Callable[[], None]) -> None:
        self._begin: Callable[[], None] | None = begin
        self._wants = wants
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._error: InvalidArgument | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.complete = False

    # --- the connection's side

    @property
    def is_full(self) -> bool:
        """Whether the connection should stop reading for now."""
        return self._size > _HIGH_WATER

    def feed(self, data: bytes) -> None:
        """Append a part of the body."""
        self._chunks.append(data)
        self._size += len(data)
        self._wake()

    def finish(self) -> None:
        """Say that no more comes: the body is complete."""
        self.complete = True
        self._wake()

    def abort(self, message: str) -> None:
        """Say that no more comes although the body is not complete."""
        if not self.complete:
            self._error = InvalidArgument(message)
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # --- the handler's side

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield the body in large portions; InvalidArgument if the client goes away."""
        self._start()
        while True:
            while self._chunks:
                if len(self._chunks) > 1:
                    # Whoever reads in another thread pays for each piece.
                    chunk = b"".join(self._chunks)
                    self._chunks.clear()
                else:
                    chunk = self._chunks.popleft()
                was_full = self.is_full
                self._size -= len(chunk)
                if was_full or self._size < _LOW_WATER:
                    self._wants()
                yield chunk
            if self.complete:
                return
            if self._error is not None:
                raise self._error
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    async def read(self, limit: int) -> bytes:
        """Return the whole body; InvalidArgument if it is longer than `limit` bytes."""
        if self.complete and len(self._chunks) <= 1:
            return self._chunks.popleft() if self._chunks else b""
        parts: list[bytes] = []
        size = 0
        async for chunk in self.stream():
            size += len(chunk)
            if size > limit:
                raise InvalidArgument(f"request body is larger than {limit} bytes")
            parts.append(chunk)
        return b"".join(parts)

    def _start(self) -> None:
        if self._begin is not None:
            begin, self._begin = self._begin, None
            if not self.complete:
                begin()


class UpgradeHead:
    """What the head of the answer to a hijacked request says."""

    __slots__ = ("lines", "status")

    def __init__(self, status: str, lines: str) -> None:
        self.status = status
        self.lines = lines


class Request:
    """One request: head, body, and the way to take the connection over.

    Attributes:
        ends_with_client: set by a handler whose work is for nobody once the client is gone; it is
            cancelled then, before its answer has begun too.
    """

    __slots__ = ("body", "ends_with_client", "head", "hijack", "is_tcp", "path", "query")

    def __init__(
        self,
        head: Head,
        body: Body,
        hijack: Callable[[UpgradeHead], Awaitable[tuple[int, bytes]]],
        *,
        is_tcp: bool,
    ) -> None:
        self.head = head
        self.body = body
        self.hijack = hijack
        self.is_tcp = is_tcp
        self.ends_with_client = False
        target = head.target.decode("latin-1")
        self.path, _, query = target.partition("?")
        self.query = query.partition("#")[0]

    @property
    def method(self) -> str:
        """The method, upper case."""
        return self.head.method

    @property
    def headers(self) -> dict[str, str]:
        """The headers by lower-case name."""
        return self.head.headers

    @property
    def has_body(self) -> bool:
        """Whether the head announces a body (one of unknown length counts)."""
        return self.head.body_length != 0
