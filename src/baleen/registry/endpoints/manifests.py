"""`/v2/<name>/manifests/<reference>`: manifests by tag or digest.

See: OCI distribution-spec spec.md, "Pulling manifests", "Pushing Manifests", "Deleting tags".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.oci.digest import Digest
from baleen.oci.manifest import MANIFEST_LIMIT
from baleen.registry.endpoints.service import Service, matches_etag
from baleen.registry.errors import ApiError, Code
from baleen.registry.events import EventAction
from baleen.registry.messages import Request, Response
from baleen.registry.names import parse_reference

if TYPE_CHECKING:
    from baleen.registry.access import Actor
    from baleen.registry.routing import Route

__all__ = ["delete_manifest", "get_manifest", "put_manifest"]


async def get_manifest(service: Service, route: Route, request: Request, actor: Actor) -> Response:
    """GET and HEAD."""
    reference = parse_reference(route.unsafe_reference)
    if service.upstream is not None:
        await service.upstream.manifest(route.name, reference, service.contents, actor)
    manifest = await service.contents.manifest(route.name, reference)
    if manifest is None:
        raise ApiError(Code.MANIFEST_UNKNOWN, detail={"name": route.name, "reference": reference})
    headers = {
        "content-type": manifest.media_type,
        "docker-content-digest": manifest.digest,
        "etag": f'"{manifest.digest}"',
    }
    if matches_etag(request, manifest.digest):
        return Response(304, headers)
    service.note(
        EventAction.PULL,
        request,
        actor,
        route.name,
        manifest.digest,
        media_type=manifest.media_type,
        size=len(manifest.payload),
        tag="" if isinstance(reference, Digest) else reference,
    )
    headers["content-length"] = str(len(manifest.payload))
    return Response(200, headers, b"" if request.method == "HEAD" else manifest.payload)


async def put_manifest(service: Service, route: Route, request: Request, actor: Actor) -> Response:
    """PUT."""
    reference = parse_reference(route.unsafe_reference)
    payload = await request.read(MANIFEST_LIMIT)
    digest, document = await service.contents.put_manifest(
        route.name, reference, request.headers.get("content-type", ""), payload
    )
    service.note(
        EventAction.PUSH,
        request,
        actor,
        route.name,
        digest,
        media_type=document.media_type,
        size=len(payload),
        tag="" if isinstance(reference, Digest) else reference,
    )
    headers = {
        "location": service.url(route.name, "manifests", digest),
        "docker-content-digest": digest,
        "content-length": "0",
    }
    if document.subject is not None:
        headers["oci-subject"] = document.subject
    return Response(201, headers)


async def delete_manifest(
    service: Service, route: Route, request: Request, actor: Actor
) -> Response:
    """DELETE: a tag alone, or a manifest with all its tags."""
    if not service.delete_enabled:
        raise ApiError(Code.UNSUPPORTED, "deletion is disabled on this registry")
    reference = parse_reference(route.unsafe_reference)
    if isinstance(reference, Digest):
        await service.contents.delete_manifest(route.name, reference)
        service.note(EventAction.DELETE, request, actor, route.name, reference, media_type="")
    else:
        if await service.contents.delete_tag(route.name, reference) is None:
            raise ApiError(
                Code.MANIFEST_UNKNOWN, detail={"name": route.name, "reference": reference}
            )
        service.note(
            EventAction.DELETE, request, actor, route.name, "", media_type="", tag=reference
        )
    return Response(202, {"content-length": "0"})
