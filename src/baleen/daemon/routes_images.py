"""Operations on images.

See: Engine API v1.55, /images/*.
"""

from __future__ import annotations

import msgspec

from baleen.daemon.http_messages import Response, StreamResponse
from baleen.daemon.older_views import image_list_view, image_view
from baleen.daemon.routes_image_archives import import_image
from baleen.daemon.routes_registries import pull
from baleen.daemon.routing import Call, Operation, json_response
from baleen.errors import InvalidArgument

__all__ = ["OPERATIONS"]

_LIST_FILTERS = frozenset({"before", "dangling", "label", "label!", "reference", "since", "until"})
_PRUNE_FILTERS = frozenset({"dangling", "label", "label!", "until"})


def _list(call: Call) -> Response:
    # `all` and `digests` change nothing: there are no intermediate images, and the digests are
    # always shown.
    query = call.query
    images = call.engine.image_list(
        filters=call.filters(_LIST_FILTERS),
        shared_size=query.flag("shared-size"),
        manifests=query.flag("manifests"),
    )
    return json_response(msgspec.json.encode(image_list_view(images, call.version)))


async def _inspect(call: Call) -> Response:
    platform, manifests = call.query.text("platform"), call.query.flag("manifests")
    if platform and manifests:
        raise InvalidArgument(
            "conflicting options: manifests and platform options cannot both be set"
        )
    view = await call.engine.image_inspect(call.ref, platform=platform, manifests=manifests)
    return json_response(image_view(view, call.version))


async def _attestations(call: Call) -> Response:
    platforms = [text for text in call.query.texts("platform") if text]
    if len(platforms) > 1:
        raise InvalidArgument("only one platform can be given")
    found = await call.engine.image_attestations(
        call.ref,
        platform="".join(platforms),
        types=call.query.texts("type"),
        statements=call.query.flag("statement"),
    )
    return json_response(msgspec.json.encode(found))


async def _history(call: Call) -> Response:
    return json_response(
        await call.engine.image_history(call.ref, platform=call.query.text("platform"))
    )


async def _create(call: Call) -> StreamResponse:
    if call.query.text("fromImage"):
        return await pull(call)
    return await import_image(call)


async def _tag(call: Call) -> Response:
    await call.engine.image_tag(call.ref, call.query.text("repo"), call.query.text("tag"))
    return Response(201, content_type="")


async def _delete(call: Call) -> Response:
    return json_response(
        await call.engine.image_remove(
            call.ref,
            force=call.query.flag("force"),
            noprune=call.query.flag("noprune"),
            platforms=[text for text in call.query.texts("platforms") if text],
        )
    )


async def _prune(call: Call) -> Response:
    return json_response(await call.engine.images_prune(call.filters(_PRUNE_FILTERS)))


OPERATIONS = (
    Operation("GET", "/images/json", "ImageList", _list),
    Operation("POST", "/images/create", "ImageCreate", _create),
    Operation("GET", "/images/{name}/json", "ImageInspect", _inspect),
    Operation("GET", "/images/{name}/attestations", "ImageAttestations", _attestations),
    Operation("GET", "/images/{name}/history", "ImageHistory", _history),
    Operation("POST", "/images/{name}/tag", "ImageTag", _tag),
    Operation("DELETE", "/images/{name}", "ImageDelete", _delete),
    Operation("POST", "/images/prune", "ImagePrune", _prune),
)
