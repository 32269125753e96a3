"""Which handler answers which method of which path, and what right it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from baleen.registry.access import Action
from baleen.registry.endpoints import blobs, catalog, manifests, referrers, tags, uploads
from baleen.registry.messages import Request, Response, json_response
from baleen.registry.routing import Kind, Route

if TYPE_CHECKING:
    from baleen.registry.access import Actor
    from baleen.registry.endpoints.service import Handler, Service

__all__ = ["ENDPOINTS", "Endpoint"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one kind of path.

    Attributes:
        actions: all of them are needed, on the path's repository.
        is_write: refused by a registry that is a cache of another.
    """

    handler: Handler
    actions: frozenset[Action]
    is_write: bool = False


async def _base(service: Service, route: Route, request: Request, actor: Actor) -> Response:
    del service, route, request, actor
    return json_response(200, {})


_PULL = frozenset({Action.PULL})
_PUSH = frozenset({Action.PUSH})
_DELETE = frozenset({Action.DELETE})


def _read(handler: Handler, actions: frozenset[Action] = _PULL) -> dict[str, Endpoint]:
    endpoint = Endpoint(handler, actions)
    return {"GET": endpoint, "HEAD": endpoint}


ENDPOINTS: dict[Kind, dict[str, Endpoint]] = {
    Kind.BASE: _read(_base, frozenset()),
    Kind.CATALOG: _read(catalog.list_repositories, frozenset({Action.CATALOG})),
    Kind.TAGS: _read(tags.list_tags),
    Kind.REFERRERS: _read(referrers.list_referrers),
    Kind.MANIFEST: {
        **_read(manifests.get_manifest),
        "PUT": Endpoint(manifests.put_manifest, _PUSH, is_write=True),
        "DELETE": Endpoint(manifests.delete_manifest, _DELETE, is_write=True),
    },
    Kind.BLOB: {
        **_read(blobs.get_blob),
        "DELETE": Endpoint(blobs.delete_blob, _DELETE, is_write=True),
    },
    Kind.UPLOADS: {"POST": Endpoint(uploads.begin, _PULL | _PUSH, is_write=True)},
    Kind.UPLOAD: {
        "GET": Endpoint(uploads.progress, _PUSH, is_write=True),
        "PATCH": Endpoint(uploads.patch, _PUSH, is_write=True),
        "PUT": Endpoint(uploads.finish, _PUSH, is_write=True),
        "DELETE": Endpoint(uploads.cancel, _PUSH, is_write=True),
    },
}
