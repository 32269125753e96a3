"""Baleen's own operations, an extension beside Docker's paths: what isolates a container.

See: docs/explain.md; `baleen.api.explanation` for the document.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen import api
from baleen.daemon.routing import Call, Operation, json_response
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from baleen.daemon.http_messages import Response

__all__ = ["OPERATIONS"]


async def _explain(call: Call) -> Response:
    return json_response(await call.engine.container_explain(call.ref))


async def _explain_create(call: Call) -> Response:
    body = await call.json(api.ContainerCreateBody)
    if body.config == api.ContainerConfig():
        raise InvalidArgument("config cannot be empty in order to explain a container")
    return json_response(
        await call.engine.container_explain_create(
            call.query.text("name") or None, body, call.query.text("platform")
        )
    )


OPERATIONS = (
    Operation("GET", "/baleen/v1/containers/{id}/explain", "ContainerExplain", _explain),
    Operation("POST", "/baleen/v1/containers/explain", "ContainerExplainCreate", _explain_create),
)
