"""Operations on checkpoints, which a daemon started with --experimental has, as dockerd does.

They are in no version of the API's description.

See: moby daemon/server/router/checkpoint; docker checkpoint --help.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen import api, errors
from baleen.daemon.http_messages import Response
from baleen.daemon.routing import Call, Operation, json_response, no_content
from baleen.errors import InvalidArgument, NotFound

if TYPE_CHECKING:
    from collections.abc import Awaitable

__all__ = ["OPERATIONS", "start"]

_DISABLED = (
    "This experimental feature is disabled by default. Start the Docker daemon in experimental "
    "mode in order to enable it."
)


def _check_enabled(call: Call) -> None:
    if not call.engine.experimental:
        raise errors.NotImplemented(_DISABLED)


def _list(call: Call) -> Response:
    _check_enabled(call)
    names = call.engine.checkpoint_list(call.ref, call.query.text("dir"))
    return json_response([api.Checkpoint(name=name) for name in names])


async def _create(call: Call) -> Response:
    _check_enabled(call)
    body = await call.json(api.CheckpointCreateBody)
    await call.engine.checkpoint_create(
        call.ref, body.checkpoint_id, body.checkpoint_dir, end=body.exit
    )
    return Response(201, content_type="")


async def _delete(call: Call) -> Response:
    ref, _, rest = call.ref.partition("/")
    kind, _, name = rest.partition("/")
    if kind != "checkpoints" or not name or "/" in name:
        raise NotFound("page not found")
    _check_enabled(call)
    await call.engine.checkpoint_delete(ref, name, call.query.text("dir"))
    return no_content()


def start(call: Call) -> Awaitable[None]:
    """Start the container, from a checkpoint if the query names one."""
    name, directory = call.query.text("checkpoint"), call.query.text("checkpoint-dir")
    if not name:
        return call.engine.container_start(call.ref)
    if not call.engine.experimental:
        raise InvalidArgument("checkpoint is only supported in experimental mode")
    return call.engine.checkpoint_start(call.ref, name, directory)


OPERATIONS = (
    Operation("GET", "/containers/{id}/checkpoints", "CheckpointList", _list),
    Operation("POST", "/containers/{id}/checkpoints", "CheckpointCreate", _create),
    # The table has one variable for each path: this one is {id}/checkpoints/{checkpoint}.
    Operation("DELETE", "/containers/{name}", "CheckpointDelete", _delete),
)
