"""Operations on networks and volumes.

See: Engine API v1.55, /networks/* and /volumes/*.
"""

from __future__ import annotations

from baleen import api
from baleen.daemon.http_messages import Response
from baleen.daemon.routing import Call, Operation, json_response, no_content
from baleen.errors import Unavailable

__all__ = ["OPERATIONS"]

_NETWORK_FILTERS = frozenset({"dangling", "driver", "id", "label", "name", "scope", "type"})
_VOLUME_FILTERS = frozenset({"dangling", "driver", "label", "name"})
_PRUNE_FILTERS = frozenset({"label", "label!", "until"})
_VOLUME_PRUNE_FILTERS = frozenset({"all", "label", "label!"})
_PRUNES_ANONYMOUS_ONLY_SINCE = (1, 42)


def _networks(call: Call) -> Response:
    return json_response(call.engine.network_list(call.filters(_NETWORK_FILTERS)))


def _network(call: Call) -> Response:
    return json_response(call.engine.network_inspect(call.ref, verbose=call.query.flag("verbose")))


async def _network_create(call: Call) -> Response:
    body = await call.json(api.NetworkCreateBody)
    return json_response(await call.engine.network_create(body), 201)


async def _network_delete(call: Call) -> Response:
    await call.engine.network_remove(call.ref)
    return no_content()


async def _network_connect(call: Call) -> Response:
    await call.engine.network_connect(call.ref, await call.json(api.NetworkConnectRequest))
    return Response(200, content_type="")


async def _network_disconnect(call: Call) -> Response:
    await call.engine.network_disconnect(call.ref, await call.json(api.NetworkDisconnectRequest))
    return Response(200, content_type="")


async def _networks_prune(call: Call) -> Response:
    pruned = await call.engine.networks_prune(call.filters(_PRUNE_FILTERS))
    if isinstance(pruned, list):
        pruned = api.NetworksPruneResponse(networks_deleted=pruned)
    return json_response(pruned)


def _volumes(call: Call) -> Response:
    found = call.engine.volume_list(call.filters(_VOLUME_FILTERS))
    if isinstance(found, list):
        found = api.VolumeListResponse(volumes=found)
    return json_response(found)


def _volume(call: Call) -> Response:
    return json_response(call.engine.volume_inspect(call.ref))


async def _volume_create(call: Call) -> Response:
    body = await call.json(api.VolumeCreateRequest)
    return json_response(await call.engine.volume_create(body), 201)


def _volume_update(call: Call) -> Response:
    raise Unavailable("volume update only valid for cluster volumes, but swarm is unavailable")


async def _volume_delete(call: Call) -> Response:
    await call.engine.volume_remove(call.ref, force=call.query.flag("force"))
    return no_content()


async def _volumes_prune(call: Call) -> Response:
    filters = call.filters(_VOLUME_PRUNE_FILTERS)
    if call.version < _PRUNES_ANONYMOUS_ONLY_SINCE:
        filters.setdefault("all", ["true"])
    return json_response(await call.engine.volumes_prune(filters))


OPERATIONS = (
    Operation("GET", "/networks", "NetworkList", _networks),
    Operation("GET", "/networks/{id}", "NetworkInspect", _network),
    Operation("POST", "/networks/create", "NetworkCreate", _network_create),
    Operation("DELETE", "/networks/{id}", "NetworkDelete", _network_delete),
    Operation("POST", "/networks/{id}/connect", "NetworkConnect", _network_connect),
    Operation("POST", "/networks/{id}/disconnect", "NetworkDisconnect", _network_disconnect),
    Operation("POST", "/networks/prune", "NetworkPrune", _networks_prune),
    Operation("GET", "/volumes", "VolumeList", _volumes),
    Operation("GET", "/volumes/{id}", "VolumeInspect", _volume),
    Operation("POST", "/volumes/create", "VolumeCreate", _volume_create),
    Operation("PUT", "/volumes/{id}", "VolumeUpdate", _volume_update),
    Operation("DELETE", "/volumes/{id}", "VolumeDelete", _volume_delete),
    Operation("POST", "/volumes/prune", "VolumePrune", _volumes_prune),
)
