"""Requests and answers of the application, above plain ASGI.

A `Request` is what routes, rights and events look at; its body is a stream that is read at most
once. A `Response` is small bytes, a stream of pieces, or a part of a file that the server may send
by `http.response.pathsend` or itself.

See: ASGI specification, HTTP connection scope; its extensions.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

import msgspec

from baleen.registry.errors import ApiError, Code

__all__ = [
    "CLOSING",
    "STALL_S",
    "Asgi",
    "ClientGone",
    "Receive",
    "Request",
    "Response",
    "Scope",
    "Send",
    "json_response",
]

# The specification of ASGI types its messages as mappings of anything.
Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Asgi: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_QUERY_LIMIT = 100
# Extension of the scope by our server: a function that says whether the connection is lost.
CLOSING = "baleen.closing"
# A client that neither sends nor reads for so long is gone.
STALL_S = 300


class ClientGone(Exception):  # not an error of the tree: nobody is left to be told
    """The client closed the connection before its body was complete."""


class Request:
    """One HTTP request.

    Attributes:
        method: `GET`, ...
        path: decoded once by the server, as ASGI has it.
        headers: names in lower case; of a repeated header the first value.
        query: of a repeated parameter the first value.
        client: address of the peer, or an empty string on a unix socket.
        id: of the request, for logs and events; set by whoever wraps the application, or empty.
    """

    __slots__ = ("_receive", "client", "headers", "id", "method", "path", "query", "scope")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            self.headers.setdefault(name.decode("latin-1"), value.decode("latin-1"))
        self.query: dict[str, str] = {}
        if raw := scope.get("query_string"):
            self.query = _parse_query(raw)
        peer = scope.get("client")
        self.client: str = peer[0] if peer else ""
        self.id: str = scope.get("state", {}).get("request_id", "")
        self._receive = receive

    @property
    def content_length(self) -> int | None:
        """The announced bytes of the body; None when it is chunked or absent."""
        text = self.headers.get("content-length", "")
        return int(text) if text.isascii() and text.isdigit() else None

    async def body(self) -> AsyncIterator[bytes]:
        """Give the body in the pieces in which it came.

        Raises:
            ClientGone: it ended early.
        """
        more = True
        while more:
            async with asyncio.timeout(STALL_S):
                message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            if piece := message.get("body", b""):
                yield piece
            more = message.get("more_body", False)

    async def read(self, limit: int) -> bytes:
        """Return the whole body, which must be small.

        Raises:
            ApiError: SIZE_INVALID with 413 above `limit` bytes; no more than that is ever held.
            ClientGone: it ended early.
        """
        too_large = ApiError(
            Code.SIZE_INVALID, f"request body is larger than {limit} bytes", status=413
        )
        if (self.content_length or 0) > limit:
            raise too_large
        pieces: list[bytes] = []
        size = 0
        async for piece in self.body():
            size += len(piece)
            if size > limit:
                raise too_large
            pieces.append(piece)
        return b"".join(pieces)


def _parse_query(raw: bytes) -> dict[str, str]:
    query: dict[str, str] = {}
    try:
        pairs = parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=_QUERY_LIMIT,
            errors="strict",
        )
    except (ValueError, UnicodeDecodeError) as err:
        raise ApiError(Code.UNSUPPORTED, "malformed query string", status=400) from err
    for key, value in pairs:
        query.setdefault(key, value)
    return query


@dataclass(slots=True)
class Response:
    """One answer; `headers` are in lower case. At most one of the three bodies is set.

    Attributes:
        body: all of it.
        stream: pieces, of `content-length` bytes together; closed by whoever sends it.
        path: a file to be sent whole, where the server offers it; `stream` stands beside it.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    stream: AsyncIterator[bytes] | None = None
    path: str = ""


def json_response(status: int, value: object, headers: dict[str, str] | None = None) -> Response:
    """Return `value` as a JSON document."""
    return Response(
        status,
        {"content-type": "application/json", **(headers or {})},
        msgspec.json.encode(value, enc_hook=str),
    )
