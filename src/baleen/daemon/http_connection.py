"""One HTTP/1.1 connection: reads requests one at a time, answers, streams, gives itself away.

    HEAD ──head complete──► BUSY ──response written, body read──► HEAD ...
                              │ └─body left over / error──► CLOSING (reads to nowhere, bounded)
                              └─hijack──► GONE (the descriptor belongs to the handler's callee)

Requests that a client sends ahead wait in the buffer, which is bounded by not reading further.
Every state in which the client must do something has a deadline, which one sweep of the server
looks at; handlers and streams have none. A plain handler runs to its end although the client
goes away (half a `start` is worse than an unheard answer); a stream is cancelled.

See: RFC 9112; tests/security/README.md, cases D04, D06, D07 and D08.
"""

from __future__ import annotations

import asyncio
import logging
import os
from time import monotonic
from typing import TYPE_CHECKING, cast

from baleen.daemon import errors_http
from baleen.daemon.http_head import (
    BadRequest,
    ChunkDecoder,
    Head,
    find_head_end,
    parse_head,
)
from baleen.daemon.http_messages import (
    HIJACKED,
    Body,
    Request,
    Response,
    StreamResponse,
    UpgradeHead,
)
from baleen.errors import Internal

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable

    from baleen.daemon.http_server import HttpServer

__all__ = ["HttpConnection"]

_log = logging.getLogger(__name__)

_MAX_AHEAD = 64 << 10
"""Bytes of later requests (or early bytes of a hijack) that are held while a handler runs."""
_WRITE_HIGH_WATER = 256 << 10
_MAX_DISCARD = 1 << 20
_LINGER_S = 5.0
_NEVER = float("inf")

_HEAD, _BUSY, _CLOSING, _GONE = range(4)


class HttpConnection(asyncio.Protocol):
    """See the module. Made by the server for each accepted connection."""

    def __init__(self, server: HttpServer, *, is_tcp: bool) -> None:
        self._server = server
        self._is_tcp = is_tcp
        self._transport: asyncio.Transport
        self._buffer = bytearray()
        self._searched = 0
        self._state = _HEAD
        self._head: Head | None = None
        self._body: Body | None = None
        self._body_left = 0
        self._chunks: ChunkDecoder | None = None
        self._task: asyncio.Task[None] | None = None
        self._request: Request | None = None
        self._live = False  # the running response is a stream that ends with its listener
        self._streaming = False
        self._paused_reading = False
        self._peer_done = False
        self._drained: asyncio.Future[None] | None = None
        self._writable = True
        self._discarded = 0
        self.deadline = _NEVER

    # --- asyncio calls these

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with the first request's head."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_WRITE_HIGH_WATER)
        self._server.connections.add(self)
        self.deadline = monotonic() + self._server.limits.head_s

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever reads the body, and cancel a stream that nobody reads."""
        self._server.connections.discard(self)
        self.deadline = _NEVER
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        if self._state == _GONE:
            return
        self._state = _GONE
        if self._body is not None:
            self._body.abort("the client closed the connection")
        if self._task is not None and (self._streaming or self._ends_with_client):
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        """Take bytes; what they are depends on the state."""
        if self._state == _CLOSING:
            self._discarded += len(data)
            if self._discarded > _MAX_DISCARD:
                self._transport.abort()
            return
        self._buffer += data
        try:
            if self._state == _HEAD:
                self._read_head()
            elif self._body is not None and not self._body.complete:
                self._read_body(self._body)
        except BadRequest as err:
            self._refuse(err)
        if self._state == _BUSY and not self._paused_reading and len(self._buffer) > _MAX_AHEAD:
            self._pause_reading()

    def eof_received(self) -> bool:
        """Note that the client sends no more; keep the other direction for the answer."""
        self._peer_done = True
        if self._state == _HEAD or self._state == _CLOSING:
            return False
        if self._body is not None:
            self._body.abort("the client closed the connection in the middle of the body")
        if self._live and self._task is not None:
            self._task.cancel()
        elif self._ends_with_client:
            # As Go's server takes it: a client that sends no more waits for nothing.
            self._transport.abort()
        return True

    @property
    def _ends_with_client(self) -> bool:
        return self._request is not None and self._request.ends_with_client

    def pause_writing(self) -> None:
        """Remember that the client reads slower than we write."""
        self._writable = False

    def resume_writing(self) -> None:
        """Wake the writer."""
        self._writable = True
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    # --- the server calls these

    def expire(self, now: float) -> None:
        """Close if the client did not do in time what it had to do."""
        if now < self.deadline:
            return
        self.deadline = _NEVER
        if self._state == _HEAD and not self._buffer:
            self._transport.close()
        elif self._state == _HEAD or (
            self._body is not None and not self._body.complete and not self._streaming
        ):
            if self._body is not None:
                self._body.abort("the client was too slow in sending the body")
            self._refuse(BadRequest(408, "request timeout"))
        else:
            self._transport.abort()

    def shut_down(self) -> None:
        """Close when idle, end a live stream and a transfer, let another answer be finished."""
        if self._state in (_HEAD, _CLOSING):
            self._transport.close()
        elif self._live and self._task is not None:
            self._task.cancel()
        elif self._ends_with_client:
            self._transport.abort()
        elif self._head is not None:
            self._head.keep_alive = False

    @property
    def is_busy(self) -> bool:
        """Whether an answer is still being made."""
        return self._state == _BUSY

    def abort(self) -> None:
        """Drop the connection."""
        if self._state != _GONE:
            self._transport.abort()

    # --- reading

    def _read_head(self) -> None:
        while self._buffer.startswith(b"\r\n"):
            del self._buffer[:2]
            self._searched = 0
        if not self._buffer:
            return
        end = find_head_end(self._buffer, self._searched)
        if end < 0:
            if not self._searched:
                self.deadline = monotonic() + self._server.limits.head_s
            self._searched = len(self._buffer)
            return
        self._searched = 0
        raw = bytes(self._buffer[:end])
        del self._buffer[:end]
        head = self._head = parse_head(raw)
        self.deadline = _NEVER
        self._state = _BUSY
        self._open_body(head)
        self._dispatch(head)

    def _open_body(self, head: Head) -> None:
        expectation = head.headers.get("expect")
        if expectation is not None and expectation.lower() != "100-continue":
            raise BadRequest(417, "expectation failed")
        body = self._body = Body(self._send_continue, self._resume_reading)
        self._body_left = head.body_length
        self._chunks = ChunkDecoder() if head.is_chunked else None
        if head.body_length == 0:
            body.finish()
        else:
            self._read_body(body)

    def _read_body(self, body: Body) -> None:
        if self._buffer:
            if self._chunks is not None:
                for part in self._chunks.feed(self._buffer):
                    body.feed(part)
                if self._chunks.done:
                    body.finish()
            else:
                part = bytes(self._buffer[: self._body_left])
                del self._buffer[: len(part)]
                self._body_left -= len(part)
                body.feed(part)
                if not self._body_left:
                    body.finish()
        if body.complete:
            self.deadline = _NEVER
            return
        self._server.has_transferred = True
        self.deadline = monotonic() + self._server.limits.body_s
        if body.is_full:
            self._pause_reading()

    def _send_continue(self) -> None:
        head = self._head
        if head is not None and head.is_http_11 and "expect" in head.headers:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _pause_reading(self) -> None:
        if not self._paused_reading:
            self._paused_reading = True
            self._transport.pause_reading()
            self.deadline = _NEVER

    def _resume_reading(self) -> None:
        if self._paused_reading and self._state != _GONE:
            self._paused_reading = False
            if self._body is not None and not self._body.complete:
                self.deadline = monotonic() + self._server.limits.body_s
            if not self._transport.is_closing():
                self._transport.resume_reading()

    # --- answering

    def _dispatch(self, head: Head) -> None:
        assert self._body is not None
        request = Request(head, self._body, self._hijack, is_tcp=self._is_tcp)
        self._request = request
        try:
            outcome = self._server.handle(request)
        except Exception as err:  # the border: everything becomes an answer
            outcome = errors_http.respond(err, request.method, request.path)
        if isinstance(outcome, Response):
            self._answer(outcome)
            self._next()
        else:
            self._task = self._server.spawn(self._run(request, outcome))

    async def _run(
        self, request: Request, outcome: Awaitable[Response | StreamResponse] | StreamResponse
    ) -> None:
        """Await the handler, write what it returns; never raises but CancelledError."""
        try:
            response: Response | StreamResponse
            try:
                response = outcome if isinstance(outcome, StreamResponse) else await outcome
            except Exception as err:  # the border: everything becomes an answer
                response = errors_http.respond(err, request.method, request.path)
            if self._state == _GONE or response is HIJACKED:
                if isinstance(response, StreamResponse):
                    await _close(response)
                return
            if isinstance(response, Response):
                self._answer(response)
            elif not await self._answer_stream(response):
                return
            await self._drain(self._server.limits.write_s)
        finally:
            self._task = None
        self._next()

    def _answer(self, response: Response) -> None:
        if self._state != _BUSY:
            return
        head = self._head
        assert head is not None
        if self._body is not None and not self._body.complete:
            head.keep_alive = False
        self._transport.write(
            self._server.render_head(
                response.status,
                response.content_type,
                response.headers,
                len(response.body),
                keep_alive=head.keep_alive,
            )
            + (
                response.body
                if head.method != "HEAD" and response.status not in (204, 304)
                else b""
            )
        )

    async def _answer_stream(self, response: StreamResponse) -> bool:
        """Write the stream to its end; False when the connection had to be cut."""
        head = self._head
        assert head is not None
        chunked = head.is_http_11
        if not chunked or (self._body is not None and not self._body.complete):
            head.keep_alive = False
        self._transport.write(
            self._server.render_head(
                response.status,
                response.content_type,
                response.headers,
                -1 if chunked else -2,
                keep_alive=head.keep_alive,
            )
        )
        self._streaming, self._live = True, response.live
        try:
            if response.live and (self._peer_done or self._server.is_closing):
                # The listener went, or the daemon ends, while the answer was prepared.
                self._end_stream(chunked=chunked)
                return False
            if head.method != "HEAD":
                await self._pump(response, chunked=chunked)
        except asyncio.CancelledError:
            if self._server.is_closing or self._state == _GONE or self._peer_done:
                self._end_stream(chunked=chunked)
                return False
            raise
        except Exception as err:  # the head is out: cutting is the only answer left
            errors_http.note(err, head.method, head.target.decode("latin-1"))
            self.abort()
            return False
        finally:
            self._streaming = self._live = False
            await _close(response)
        return True

    async def _pump(self, response: StreamResponse, *, chunked: bool) -> None:
        write = self._transport.write
        async for data in response.chunks:
            if data:
                self._server.has_transferred |= not response.live
                write(b"%x\r\n%b\r\n" % (len(data), data) if chunked else data)
                if not self._writable:
                    await self._drain(None)
        if chunked:
            write(b"0\r\n\r\n")

    def _end_stream(self, *, chunked: bool) -> None:
        """End a live stream in good form: the listener went or the daemon ends."""
        if self._state != _GONE:
            if chunked:
                self._transport.write(b"0\r\n\r\n")
            self._transport.close()

    async def _drain(self, limit_s: float | None) -> None:
        """Wait until the client has taken most of what was written, or is gone."""
        if self._writable or self._state == _GONE:
            return
        if limit_s is not None:
            self.deadline = monotonic() + limit_s
        self._drained = asyncio.get_running_loop().create_future()
        try:
            await self._drained
        finally:
            self._drained = None
            self.deadline = _NEVER

    def _next(self) -> None:
        """Go on to the next request, or close."""
        if self._state != _BUSY:
            return
        head = self._head
        assert head is not None
        if not head.keep_alive or self._peer_done or self._server.is_closing:
            self._linger()
            return
        self._state = _HEAD
        self._head = self._body = self._chunks = self._request = None
        self.deadline = monotonic() + self._server.limits.idle_s
        self._resume_reading()
        if self._buffer:
            # By way of the loop: a client that pipelines must not starve the others.
            asyncio.get_running_loop().call_soon(self.data_received, b"")

    def _refuse(self, err: BadRequest) -> None:
        """Answer bytes that are no request, and read no other request from them."""
        if self._body is not None:
            self._body.abort(err.message)
        if not self._streaming:
            response = errors_http.plain(err.status, err.message)
            self._transport.write(
                self._server.render_head(
                    response.status, response.content_type, "", len(response.body), keep_alive=False
                )
                + response.body
            )
        elif self._task is not None:
            self._task.cancel()
        self._linger()

    def _linger(self) -> None:
        """Close so that the answer arrives: unread input would turn into a reset."""
        self._state = _CLOSING
        self._buffer.clear()
        self._head = self._body = self._chunks = None
        if self._peer_done or not self._transport.can_write_eof():
            self._transport.close()
            return
        self._transport.write_eof()
        self._resume_reading()
        self.deadline = monotonic() + _LINGER_S

    # --- giving the connection away

    async def _hijack(self, upgrade: UpgradeHead) -> tuple[int, bytes]:
        """Write the answer's head and return (descriptor that the caller owns, early bytes).

        The body must have been read. Everything written before has left when this returns.
        """
        if self._state != _BUSY or self._body is None or not self._body.complete:
            raise Internal("cannot take over a connection that is closed or has unread body")
        self._transport.set_write_buffer_limits(high=0)
        self._transport.write(f"HTTP/1.1 {upgrade.status}\r\n{upgrade.lines}\r\n".encode("latin-1"))
        if self._transport.get_write_buffer_size():
            self._writable = False
            await self._drain(self._server.limits.write_s)
        if self._state == _GONE:
            raise Internal("the client closed the connection before it was taken over")
        self._state = _GONE
        self._server.connections.discard(self)
        relay = getattr(self._transport, "relay", None)  # a TLS transport has one
        early = bytes(self._buffer)
        self._buffer.clear()
        if relay is not None:
            give = cast("Callable[[bytes], Awaitable[tuple[int, bytes]]]", relay)
            return await give(early)
        if not self._paused_reading:
            self._transport.pause_reading()
        plain = cast("socket.socket", self._transport.get_extra_info("socket"))
        descriptor = os.dup(plain.fileno())
        self._transport.abort()  # closes only its own descriptor; the connection lives on
        return descriptor, early


async def _close(response: StreamResponse) -> None:
    close = getattr(response.chunks, "aclose", None)
    if close is not None:
        await close()
