"""`GET /v2/<name>/referrers/<digest>`: which manifests have this one as their subject.

See: OCI distribution-spec spec.md, "Listing Referrers".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.oci.media_types import OCI_INDEX
from baleen.registry.errors import ApiError, Code
from baleen.registry.messages import Request, Response
from baleen.registry.names import parse_digest
from baleen.registry.paging import next_link

if TYPE_CHECKING:
    from baleen.registry.access import Actor
    from baleen.registry.endpoints.service import Service
    from baleen.registry.routing import Route

__all__ = ["list_referrers"]

# An answer is an index and must stay below the limit of 4 MiB for those.
_BYTES = 3 << 20
_ENTRIES = 500


async def list_referrers(
    service: Service, route: Route, request: Request, actor: Actor
) -> Response:
    """GET and HEAD; an unknown subject has an empty list."""
    del actor
    subject = parse_digest(route.unsafe_reference)
    artifact_type = request.query.get("artifactType", "")
    last = request.query.get("last", "")
    if "\0" in artifact_type or (last and not last.isascii()) or "\0" in last:
        raise ApiError(Code.UNSUPPORTED, "malformed query string", status=400)
    found = await service.contents.referrers(route.name, subject, last, _ENTRIES + 1, artifact_type)
    entries: list[bytes] = []
    size = 0
    for _, descriptor in found[:_ENTRIES]:
        size += len(descriptor) + 1
        if entries and size > _BYTES:
            break
        entries.append(descriptor)
    headers = {"content-type": OCI_INDEX}
    if artifact_type:
        headers["oci-filters-applied"] = "artifactType"
    if len(entries) < len(found):
        path = service.url(route.name, "referrers", subject)
        headers.update(next_link(path, found[len(entries) - 1][0], artifactType=artifact_type))
    body = (
        b'{"schemaVersion":2,"mediaType":"%s","manifests":[' % OCI_INDEX.encode()
        + b",".join(entries)
        + b"]}"
    )
    return Response(200, headers, body)
