"""Images from one engine to another, an extension beside Docker's paths.

See: docs/images.md, "From one host to another"; `baleen.images.transfers` for the order of calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.api.transfers import ImageReceiveBody
from baleen.daemon.http_messages import StreamResponse
from baleen.daemon.routing import Call, Operation, json_response, no_content
from baleen.daemon.streams import primed
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from baleen.daemon.http_messages import Response

__all__ = ["OPERATIONS"]


async def _offer(call: Call) -> Response:
    offer = await call.engine.image_offer(call.ref, platform=call.query.text("platform"))
    return json_response(offer)


async def _read(call: Call) -> StreamResponse:
    chunks = await call.engine.image_blob(call.ref, _digest(call), offset=_count(call, "offset"))
    return StreamResponse(await primed(chunks), content_type="application/octet-stream", live=False)


async def _put(call: Call) -> Response:
    await call.engine.image_blob_put(
        _digest(call),
        _count(call, "size"),
        call.request.body.stream(),
        offset=_count(call, "offset"),
    )
    return no_content()


async def _receive(call: Call) -> Response:
    return json_response(await call.engine.image_receive(await call.json(ImageReceiveBody)))


def _digest(call: Call) -> str:
    digest = call.query.text("digest")
    if not digest:
        raise InvalidArgument("the blob's `digest` is missing")
    return digest


def _count(call: Call, name: str) -> int:
    count = call.query.integer(name, 0)
    if count is None or count < 0:
        raise InvalidArgument(f"invalid value for {name}: it is negative")
    return count


OPERATIONS = (
    Operation("GET", "/baleen/v1/images/{name}/blobs", "ImageBlobs", _offer),
    Operation("GET", "/baleen/v1/images/{name}/blob", "ImageBlobGet", _read),
    Operation("PUT", "/baleen/v1/images/blob", "ImageBlobPut", _put),
    Operation("POST", "/baleen/v1/images/receive", "ImageReceive", _receive),
)
