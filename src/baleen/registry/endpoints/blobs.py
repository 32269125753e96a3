"""`/v2/<name>/blobs/<digest>`: reading and removing blobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.registry.endpoints.service import BLOB_TYPE, Service, matches_etag
from baleen.registry.errors import ApiError, Code
from baleen.registry.events import EventAction
from baleen.registry.messages import Request, Response
from baleen.registry.names import parse_digest
from baleen.registry.ranges import parse_range

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from baleen.oci.digest import Digest
    from baleen.registry.access import Actor
    from baleen.registry.contents import Contents
    from baleen.registry.routing import Route
    from baleen.registry.storage.driver import Reader

__all__ = ["delete_blob", "get_blob"]

_PIECE = 1 << 20
# Below this one read in the thread that opens the file is the whole answer.
_SMALL = 256 << 10


async def get_blob(service: Service, route: Route, request: Request, actor: Actor) -> Response:
    """GET and HEAD: the blob, a part of it, or that the client has it already."""
    digest = parse_digest(route.unsafe_reference)
    if service.upstream is not None:
        incoming = await service.upstream.blob(route.name, digest, service.contents, actor)
        if incoming is not None:
            service.note(EventAction.PULL, request, actor, route.name, digest, size=incoming.size)
            return _respond(request, digest, incoming.size, incoming.pieces)
    blob = await service.contents.blob(route.name, digest)
    if blob is None:
        raise ApiError(Code.BLOB_UNKNOWN, detail={"digest": digest})
    if matches_etag(request, digest):
        return Response(304, _headers(digest))
    start, stop = _wanted(request, digest, blob.size) or (0, blob.size)
    is_head = request.method == "HEAD"
    is_small = stop - start <= _SMALL
    reader, data = await service.contents.open(
        blob, start, stop - start if is_small and not is_head else 0
    )
    try:
        service.note(EventAction.PULL, request, actor, route.name, digest, size=blob.size)
        response = _respond(request, digest, blob.size, None)
        if not is_head and is_small:
            response.body = data
        elif not is_head:
            response.stream = _Pieces(service.contents, reader, start, stop)
            if stop - start == blob.size:
                response.path = service.contents.storage.path(blob.location)
    except BaseException:
        reader.close()
        raise
    if response.stream is None:
        reader.close()
    return response


def _headers(digest: Digest) -> dict[str, str]:
    return {
        "content-type": BLOB_TYPE,
        "docker-content-digest": digest,
        "etag": f'"{digest}"',
        "accept-ranges": "bytes",
        # The name is the content: it never changes, but who may see it does.
        "cache-control": "private, max-age=31536000, immutable",
    }


def _wanted(request: Request, digest: Digest, size: int) -> tuple[int, int] | None:
    header = request.headers.get("range", "")
    if not header or request.method != "GET":
        return None
    condition = request.headers.get("if-range")
    if condition is not None and condition.strip('"') != digest:
        return None
    return parse_range(header, size)


def _respond(request: Request, digest: Digest, size: int, pieces: object) -> Response:
    part = _wanted(request, digest, size)
    start, stop = part or (0, size)
    headers = {**_headers(digest), "content-length": str(stop - start)}
    if part is not None:
        headers["content-range"] = f"bytes {start}-{stop - 1}/{size}"
    response = Response(206 if part is not None else 200, headers)
    if callable(pieces) and request.method != "HEAD":
        response.stream = pieces(start, stop)
    return response


class _Pieces:
    """Bytes of an open blob; owns the reader from its making on, started or not."""

    def __init__(self, contents: Contents, reader: Reader, start: int, stop: int) -> None:
        self._contents = contents
        self._reader = reader
        self._start = start
        self._stop = stop
        self._sent = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        # Two pieces are in memory while a client does not read: it gets large ones only when it
        # has read sixteen times as much.
        length = min(_PIECE, max(_SMALL, self._sent >> 4), self._stop - self._start)
        piece = await self._contents.uploads.in_thread(self._reader.read, self._start, length)
        if not piece:
            raise StopAsyncIteration
        self._start += len(piece)
        self._sent += len(piece)
        return piece

    async def aclose(self) -> None:
        self._reader.close()


async def delete_blob(service: Service, route: Route, request: Request, actor: Actor) -> Response:
    """DELETE: the repository may not use the blob any more."""
    if not service.delete_enabled:
        raise ApiError(Code.UNSUPPORTED, "deletion is disabled on this registry")
    digest = parse_digest(route.unsafe_reference)
    await service.contents.delete_blob(route.name, digest)
    service.note(EventAction.DELETE, request, actor, route.name, digest)
    return Response(202, {"content-length": "0"})
