"""Operations on the engine itself: ping, version, info, events, disk usage, plugins.

See: Engine API v1.55, /_ping, /version, /info, /events, /system/df.
"""

from __future__ import annotations

import time

from baleen.api.timestamps import parse_timestamp
from baleen.daemon.disk_usage_view import disk_usage_view
from baleen.daemon.http_messages import Response, StreamResponse
from baleen.daemon.routing import Call, Operation, json_response
from baleen.errors import InvalidArgument

__all__ = ["OPERATIONS"]

_PING_HEADERS = (
    "Builder-Version: 1\r\n"
    "Cache-Control: no-cache, no-store, must-revalidate\r\n"
    "Pragma: no-cache\r\n"
    "Swarm: inactive\r\n"
)
_PING = Response(200, b"OK", content_type="text/plain; charset=utf-8", headers=_PING_HEADERS)
_DF_TYPES = frozenset({"container", "image", "volume", "build-cache"})


def _ping(call: Call) -> Response:
    return _PING


def _version(call: Call) -> Response:
    return json_response(call.engine.version())


async def _info(call: Call) -> Response:
    return json_response(await call.engine.info())


def _events(call: Call) -> StreamResponse:
    now = time.time_ns()
    since, until = (_time(call.query.text(name), now) for name in ("since", "until"))
    if since is not None and until is not None and since > until:
        raise InvalidArgument(
            f"`since` time ({call.query.text('since')}) cannot be after "
            f"`until` time ({call.query.text('until')})"
        )
    chunks = call.engine.events.subscribe(since, until, call.filters())
    return StreamResponse(chunks, content_type="application/json", live=True)


def _time(text: str, now_ns: int) -> float | None:
    return parse_timestamp(text, now_ns) / 1e9 if text else None


async def _disk_usage(call: Call) -> Response:
    types = call.query.texts("type")
    for kind in types:
        if kind not in _DF_TYPES:
            raise InvalidArgument(f"unknown object type: {kind}")
    usage = await call.engine.disk_usage(types)
    verbose = call.query.flag("verbose")
    return json_response(disk_usage_view(usage, call.version, verbose=verbose))


def _plugins(call: Call) -> Response:
    call.filters()
    return json_response([])


OPERATIONS = (
    Operation("GET", "/_ping", "SystemPing", _ping),
    Operation("HEAD", "/_ping", "SystemPingHead", _ping),
    Operation("GET", "/version", "SystemVersion", _version),
    Operation("GET", "/info", "SystemInfo", _info),
    Operation("GET", "/events", "SystemEvents", _events),
    Operation("GET", "/system/df", "SystemDataUsage", _disk_usage),
    Operation("GET", "/plugins", "PluginList", _plugins),
)
