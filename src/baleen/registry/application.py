"""The registry as an ASGI application: one request from its scope to the last byte of its answer.

    scope ─► route ─► rights ─► endpoint ─► response
      │         │        │          │
      404      400    401/403    ApiError ─► its code's status and body

See: ASGI specification, HTTP and lifespan protocols.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from baleen.errors import BaleenError
from baleen.registry.access import Access, Open
from baleen.registry.endpoints.service import Service
from baleen.registry.endpoints.table import ENDPOINTS
from baleen.registry.errors import ApiError, Code, body_of, from_error
from baleen.registry.events import EventSink, Silence
from baleen.registry.housekeeping import keep_house
from baleen.registry.messages import CLOSING, STALL_S, ClientGone, Request, Response
from baleen.registry.routing import find_route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from baleen.registry.contents import Contents
    from baleen.registry.messages import Asgi, Receive, Scope, Send
    from baleen.registry.settings import Settings
    from baleen.registry.upstream import Upstream

__all__ = ["create_app"]

log = logging.getLogger(__name__)

_PATHSEND = "http.response.pathsend"


def create_app(
    settings: Settings,
    *,
    contents: Contents,
    access: Access | None = None,
    events: EventSink | None = None,
    upstream: Upstream | None = None,
) -> Asgi:
    """Return the application that serves `contents`, which its lifespan starts and closes."""
    prefix = f"/{settings.http.prefix.strip('/')}/".replace("//", "/")
    service = Service(
        contents=contents,
        access=access or Open(),
        events=events or Silence(),
        upstream=upstream,
        base=settings.http.host.rstrip("/") + prefix,
        delete_enabled=settings.delete_enabled,
    )
    more = {name.lower(): ", ".join(values) for name, values in settings.http.headers.items()}
    return _Application(
        service, prefix, more, lambda: keep_house(contents, settings, service.events)
    )


class _Application:
    def __init__(
        self,
        service: Service,
        prefix: str,
        headers: dict[str, str],
        keep_house: Callable[[], Coroutine[None, None, None]],
    ) -> None:
        self._service = service
        self._keep_house = keep_house
        self._prefix = prefix
        self._headers = [
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in {
                "docker-distribution-api-version": "registry/2.0",
                "x-content-type-options": "nosniff",
                **headers,
            }.items()
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            with suppress(ClientGone, TimeoutError):
                response = await self._answer(scope, receive)
                await self._send(response, scope, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._service.contents.start()
        except BaleenError as err:
            await send({"type": "lifespan.startup.failed", "message": str(err)})
            return
        async with asyncio.TaskGroup() as group:
            house = group.create_task(self._keep_house())
            await send({"type": "lifespan.startup.complete"})
            await receive()
            house.cancel()
        await self._service.contents.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        try:
            return await self._handle(scope, Request(scope, receive))
        except ApiError as err:
            return _refusal(err)
        except BaleenError as err:
            log.error("%s %s: %s", scope["method"], scope["path"], err)
            return _refusal(from_error(err))
        except (ClientGone, TimeoutError):
            raise
        except Exception:  # a bug, and the client gets no more than that
            log.exception("%s %s failed", scope["method"], scope["path"])
            return _refusal(ApiError(Code.UNKNOWN))

    async def _handle(self, scope: Scope, request: Request) -> Response:
        route = find_route(request.path, scope.get("raw_path") or b"", self._prefix)
        if route is None:
            raise ApiError(Code.UNSUPPORTED, "no such path", status=404)
        methods = ENDPOINTS[route.kind]
        endpoint = methods.get(request.method)
        if endpoint is None:
            raise ApiError(Code.UNSUPPORTED, headers={"allow": ", ".join(sorted(methods))})
        actor = await self._service.access.authorize(route.name or None, endpoint.actions, request)
        if endpoint.is_write and self._service.upstream is not None:
            raise ApiError(Code.UNSUPPORTED, "this registry is a cache of another one")
        return await endpoint.handler(self._service, route, request, actor)

    async def _send(self, response: Response, scope: Scope, send: Send) -> None:
        headers = [
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in response.headers.items()
        ]
        is_head = scope["method"] == "HEAD"
        if "content-length" not in response.headers and response.status not in {204, 304}:
            headers.append((b"content-length", str(len(response.body)).encode()))
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": response.status,
                    "headers": headers + self._headers,
                }
            )
            if response.path and _PATHSEND in scope.get("extensions", {}):
                await send({"type": _PATHSEND, "path": response.path})
            elif response.stream is not None:
                await _send_stream(response.stream, send, _is_closing(scope))
            else:
                body = b"" if is_head else response.body
                await send({"type": "http.response.body", "body": body})
        except OSError:
            raise ClientGone from None
        finally:
            await _close(response.stream)


async def _send_stream(
    stream: AsyncIterator[bytes], send: Send, is_closing: Callable[[], bool]
) -> None:
    async for piece in stream:
        if is_closing():
            raise ClientGone
        async with asyncio.timeout(STALL_S):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _is_closing(scope: Scope) -> Callable[[], bool]:
    """How to see that the client went away: ASGI's `send` does not tell before version 2.4."""
    closing: Callable[[], bool] | None = scope.get("extensions", {}).get(CLOSING)
    return closing or (lambda: False)


async def _close(stream: AsyncIterator[bytes] | None) -> None:
    close = getattr(stream, "aclose", None)
    if close is not None:
        await close()


def _refusal(error: ApiError) -> Response:
    headers = {name: value for name, value in error.headers.items() if name != "content-length"}
    return Response(error.status, {"content-type": "application/json", **headers}, body_of(error))
