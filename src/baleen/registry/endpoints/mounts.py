"""`POST /v2/<name>/blobs/uploads/?mount=<digest>[&from=<other>]`: a blob that is here already.

Without a right to pull from the source the answer is the one for a blob that is not there: a
session to upload it. The rights are asked first, so that not even the time of a look-up tells.

See: OCI distribution-spec spec.md, "Mounting a blob from another repository".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.registry.access import Action, Actor
from baleen.registry.events import EventAction
from baleen.registry.names import is_name

if TYPE_CHECKING:
    from baleen.oci.digest import Digest
    from baleen.registry.endpoints.service import Service
    from baleen.registry.messages import Request
    from baleen.registry.routing import Route

__all__ = ["mount"]


async def mount(
    service: Service, route: Route, request: Request, actor: Actor, digest: Digest
) -> bool:
    """Let the repository use the blob, and say whether it can."""
    source = request.query.get("from", "")
    if source:
        sources = [source] if is_name(source) else []
    else:
        sources = await service.contents.sources(digest)
    for name in sources:
        if name != route.name and not await service.access.allows(
            actor, Action.PULL, name, request
        ):
            continue
        blob = await service.contents.mount(route.name, digest, name)
        if blob is not None:
            service.note(
                EventAction.MOUNT,
                request,
                actor,
                route.name,
                digest,
                size=blob.size,
                source=name,
            )
            return True
    return False
