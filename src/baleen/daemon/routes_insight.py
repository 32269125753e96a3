"""Baleen's own operations on images and the disk, an extension beside Docker's paths.

See: docs/images.md
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from baleen.daemon.gc_settings import gc_policy
from baleen.daemon.routing import Call, Operation, json_response
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from baleen.daemon.http_messages import Response

__all__ = ["OPERATIONS"]


async def _tree(call: Call) -> Response:
    document = await call.engine.image_tree(
        call.ref, platform=call.query.text("platform"), everything=call.query.flag("all")
    )
    return json_response(msgspec.json.encode(document))


async def _diff(call: Call) -> Response:
    to = call.query.text("to")
    if not to:
        raise InvalidArgument("the image to compare with is missing: give `to`")
    document = await call.engine.image_diff(call.ref, to, platform=call.query.text("platform"))
    return json_response(msgspec.json.encode(document))


async def _check(call: Call) -> Response:
    return json_response(await call.engine.images_check())


async def _gc(call: Call) -> Response:
    query = call.query
    keep_free, unused_for = query.text("keep-free"), query.text("unused-for")
    policy = gc_policy(keep_free, unused_for) if keep_free or unused_for else None
    return json_response(await call.engine.disk_gc(policy, dry_run=query.flag("dry-run")))


OPERATIONS = (
    Operation("GET", "/baleen/v1/images/{name}/tree", "ImageTree", _tree),
    Operation("GET", "/baleen/v1/images/{name}/diff", "ImageDiff", _diff),
    Operation("POST", "/baleen/v1/images/check", "ImageCheck", _check),
    Operation("POST", "/baleen/v1/system/gc", "SystemGc", _gc),
)
