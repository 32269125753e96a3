"""A limit on requests by address, before anything else is done for them: 429 with `Retry-After`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.registry.auth.guesses import address_key
from baleen.registry.errors import ApiError, Code, body_of

if TYPE_CHECKING:
    from baleen.registry.auth.buckets import Buckets
    from baleen.registry.messages import Asgi, Receive, Scope, Send

__all__ = ["AddressLimit"]


class AddressLimit:
    """An application that answers so many requests of an address in a while.

    Requests without an address (a unix socket) and those for `/health` are not counted.
    """

    def __init__(self, behind: Asgi, buckets: Buckets) -> None:
        self._behind = behind
        self._buckets = buckets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection scope."""
        peer = scope.get("client") if scope["type"] == "http" else None
        if not peer or not peer[0] or scope["path"] == "/health":
            await self._behind(scope, receive, send)
            return
        wait = self._buckets.take(address_key(peer[0]))
        if not wait:
            await self._behind(scope, receive, send)
            return
        body = body_of(ApiError(Code.TOOMANYREQUESTS, "too many requests from this address"))
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"retry-after", str(wait).encode()),
            # The body of the request was not read, so the connection cannot be used again.
            (b"connection", b"close"),
        ]
        await send({"type": "http.response.start", "status": 429, "headers": headers})
        await send({"type": "http.response.body", "body": body})
