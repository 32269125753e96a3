"""`GET /v2/<name>/tags/list`: the tags of a repository, in pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.registry.errors import ApiError, Code
from baleen.registry.messages import Request, Response, json_response
from baleen.registry.names import is_tag
from baleen.registry.paging import next_link, page_size

if TYPE_CHECKING:
    from baleen.registry.access import Actor
    from baleen.registry.endpoints.service import Service
    from baleen.registry.routing import Route

__all__ = ["list_tags"]


async def list_tags(service: Service, route: Route, request: Request, actor: Actor) -> Response:
    """GET and HEAD."""
    n = page_size(request.query)
    last = request.query.get("last", "")
    if last and not is_tag(last):
        raise ApiError(Code.TAG_INVALID, "the parameter last is no tag")
    tags = None
    if service.upstream is not None:
        tags = await service.upstream.tags(route.name, service.contents, actor)
    if tags is not None:
        after = sorted(tags, key=_order)
        tags = [tag for tag in after if _order(tag) > _order(last)][: n + 1]
    else:
        tags = await service.contents.tags(route.name, last, n + 1)
    if tags is None:
        raise ApiError(Code.NAME_UNKNOWN, detail={"name": route.name})
    headers: dict[str, str] = {}
    if n and len(tags) > n:
        headers = next_link(service.url(route.name, "tags", "list"), tags[n - 1], n)
    return json_response(200, {"name": route.name, "tags": tags[:n]}, headers)


def _order(tag: str) -> tuple[str, str]:
    return tag.lower(), tag
