"""`/v2/<name>/blobs/uploads/`: pushing blobs, at once, in chunks, or as a stream.

    POST              a session                       202, Location
    POST ?digest=     the whole blob at once          201
    POST ?mount=      a blob of another repository    201, or 202 and a session
    PATCH             more bytes                      202, Range
    PUT ?digest=      perhaps the last, and the end   201
    GET               how far it came                 204, Range
    DELETE            give up                         204

Nothing becomes a blob before its bytes have its digest. A chunk must begin where the last one
ended.

See: OCI distribution-spec spec.md, "Pushing Blobs".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.registry.endpoints.mounts import mount
from baleen.registry.errors import ApiError, Code
from baleen.registry.events import EventAction
from baleen.registry.messages import Request, Response
from baleen.registry.names import parse_digest
from baleen.registry.ranges import parse_content_range

if TYPE_CHECKING:
    from baleen.oci.digest import Digest
    from baleen.registry.access import Actor
    from baleen.registry.endpoints.service import Service
    from baleen.registry.routing import Route
    from baleen.registry.uploads import Upload

__all__ = ["begin", "cancel", "finish", "patch", "progress"]


async def begin(service: Service, route: Route, request: Request, actor: Actor) -> Response:
    """POST."""
    if "mount" in request.query:
        digest = parse_digest(request.query["mount"])
        if await mount(service, route, request, actor, digest):
            return _created(service, route, digest)
    elif "digest" in request.query:
        return await _monolithic(service, route, request, actor)
    session = await service.contents.uploads.begin(route.name, actor.name)
    return Response(202, _state(service, route, session, 0))


async def _monolithic(service: Service, route: Route, request: Request, actor: Actor) -> Response:
    digest = parse_digest(request.query["digest"])
    blob = await service.contents.put_blob(
        route.name, digest, request.body(), request.content_length
    )
    service.note(EventAction.PUSH, request, actor, route.name, digest, size=blob.size)
    return _created(service, route, digest)


async def patch(service: Service, route: Route, request: Request, actor: Actor) -> Response:
    """PATCH."""
    session = route.unsafe_reference
    async with service.contents.uploads.hold(route.name, session, actor.name) as upload:
        await _append(service, route, request, upload)
        return Response(202, _state(service, route, session, upload.size))


async def finish(service: Service, route: Route, request: Request, actor: Actor) -> Response:
    """PUT."""
    session = route.unsafe_reference
    async with service.contents.uploads.hold(route.name, session, actor.name) as upload:
        if "digest" not in request.query:
            raise ApiError(Code.DIGEST_INVALID, "the parameter digest is missing")
        digest = parse_digest(request.query["digest"])
        await _append(service, route, request, upload)
        blob = await service.contents.finish(upload, digest)
    service.note(EventAction.PUSH, request, actor, route.name, digest, size=blob.size)
    return _created(service, route, digest)


async def _append(service: Service, route: Route, request: Request, upload: Upload) -> None:
    start, limit = upload.size, request.content_length
    if header := request.headers.get("content-range"):
        first, stop = parse_content_range(header)
        if first != start:
            state = _state(service, route, upload.session.id, start)
            raise ApiError(
                Code.RANGE_INVALID,
                f"the upload has {start} bytes, the chunk begins at {first}",
                headers=state,
            )
        if limit is not None and limit != stop - first:
            raise ApiError(Code.SIZE_INVALID, "Content-Length and Content-Range differ")
        limit = stop - first
    await upload.append(request.body(), limit)
    if limit is not None and upload.size != start + limit:
        received = upload.size - start
        await upload.rewind(start)
        raise ApiError(Code.SIZE_INVALID, f"{received} bytes came instead of {limit}")


async def progress(service: Service, route: Route, request: Request, actor: Actor) -> Response:
    """GET."""
    del request
    session = route.unsafe_reference
    async with service.contents.uploads.hold(route.name, session, actor.name) as upload:
        return Response(204, _state(service, route, session, upload.size))


async def cancel(service: Service, route: Route, request: Request, actor: Actor) -> Response:
    """DELETE."""
    del request
    session = route.unsafe_reference
    async with service.contents.uploads.hold(route.name, session, actor.name) as upload:
        await upload.discard()
    return Response(204)


def _state(service: Service, route: Route, session: str, size: int) -> dict[str, str]:
    return {
        "location": service.url(route.name, "blobs", "uploads", session),
        "docker-upload-uuid": session,
        # Inclusive; nothing at all is `0-0` too, as clients know it from Docker's registry.
        "range": f"0-{max(size - 1, 0)}",
        "content-length": "0",
    }


def _created(service: Service, route: Route, digest: Digest) -> Response:
    return Response(
        201,
        {
            "location": service.url(route.name, "blobs", digest),
            "docker-content-digest": digest,
            "content-length": "0",
        },
    )
