"""`GET /v2/_catalog`: the repositories that hold something and that the client may know of.

See: distribution's api.md, "Listing Repositories".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.registry.errors import ApiError, Code
from baleen.registry.messages import Request, Response, json_response
from baleen.registry.names import is_name
from baleen.registry.paging import next_link, page_size

if TYPE_CHECKING:
    from baleen.registry.access import Actor
    from baleen.registry.endpoints.service import Service
    from baleen.registry.routing import Route

__all__ = ["list_repositories"]

# A client who may see little of much gets short pages rather than an endless search.
_LOOKS = 10


async def list_repositories(
    service: Service, route: Route, request: Request, actor: Actor
) -> Response:
    """GET and HEAD."""
    del route
    n = page_size(request.query)
    last = request.query.get("last", "")
    if last and not is_name(last):
        raise ApiError(Code.NAME_INVALID, "the parameter last is no repository's name")
    shown: list[str] = []
    more = n > 0
    for _ in range(_LOOKS):
        if not more or len(shown) >= n:
            break
        found = await service.contents.repositories(last, n + 1)
        more = len(found) > n
        visible = set(await service.access.visible(actor, found[:n], request))
        for name in found[:n]:
            if len(shown) == n:
                more = True
                break
            last = name
            if name in visible:
                shown.append(name)
    headers = next_link(f"{service.base}v2/_catalog", last, n) if more and last else {}
    return json_response(200, {"repositories": shown}, headers)
