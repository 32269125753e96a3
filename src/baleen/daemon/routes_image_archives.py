"""Images in and out as archives: save, load, import and commit.

See: Engine API v1.55, /images/get, /images/load, /images/create with `fromSrc`, /commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen import api
from baleen.daemon.http_messages import Response, StreamResponse
from baleen.daemon.routing import Call, Operation, json_response
from baleen.daemon.streams import TAR, primed, progress
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["OPERATIONS", "import_image"]

_PLATFORM_SINCE = (1, 48)


async def import_image(call: Call) -> StreamResponse:
    """Answer `POST /images/create` with `fromSrc`."""
    query = call.query
    return await progress(
        call.engine.image_import(
            call.request.body.stream(),
            source=query.text("fromSrc"),
            repo=query.text("repo"),
            tag=query.text("tag"),
            message=query.text("message"),
            changes=query.texts("changes"),
            platform=query.text("platform"),
        )
    )


def _platforms(call: Call) -> Sequence[str]:
    if call.version < _PLATFORM_SINCE:
        return ()
    return [text for text in call.query.texts("platform") if text]


async def _save(call: Call) -> StreamResponse:
    names = [call.ref] if call.ref else call.query.texts("names")
    if not names:
        raise InvalidArgument("no image was named: give at least one `names`")
    chunks = await primed(await call.engine.image_save(names, platforms=_platforms(call)))
    return StreamResponse(chunks, content_type=TAR, live=False)


async def _load(call: Call) -> StreamResponse:
    return await progress(
        call.engine.image_load(
            call.request.body.stream(),
            quiet=call.query.flag("quiet"),
            platforms=_platforms(call),
        )
    )


async def _commit(call: Call) -> Response:
    query = call.query
    # The body is optional, also where a client says that JSON comes and sends nothing.
    config = await call.json(api.ContainerConfig)
    image_id = await call.engine.image_commit(
        query.text("container"),
        config,
        repo=query.text("repo"),
        tag=query.text("tag"),
        comment=query.text("comment"),
        author=query.text("author"),
        changes=query.texts("changes"),
        pause=query.flag("pause", default=True),
    )
    return json_response(api.IDResponse(id=image_id), 201)


OPERATIONS = (
    Operation("GET", "/images/{name}/get", "ImageGet", _save),
    Operation("GET", "/images/get", "ImageGetAll", _save),
    Operation("POST", "/images/load", "ImageLoad", _load),
    Operation("POST", "/commit", "ImageCommit", _commit),
)
