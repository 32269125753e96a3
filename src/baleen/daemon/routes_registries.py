"""Operations that talk to registries: pull, push, login, search, inspection.

A pull or push answers with a status while nothing of its stream is out, and with the last object
of the stream after that. Each ends with its client.

See: Engine API v1.55, /images/create, /images/{name}/push, /auth, /images/search,
/distribution/{name}/json.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.api.registries import AuthConfig, decode_auth_header
from baleen.api.wire import MAX_BODY_BYTES, decode
from baleen.daemon.routing import Call, Operation, json_response
from baleen.daemon.streams import progress
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from baleen.daemon.http_messages import Response, StreamResponse

__all__ = ["OPERATIONS", "pull"]

_SEARCH_FILTERS = frozenset({"is-automated", "is-official", "stars"})
_HEADER = "x-registry-auth"


async def pull(call: Call) -> StreamResponse:
    """Answer `POST /images/create` with `fromImage`."""
    call.request.ends_with_client = True
    query = call.query
    messages = call.engine.image_pull(
        query.text("fromImage"),
        tag=query.text("tag"),
        platform=query.text("platform"),
        auth=_lenient_auth(call),
    )
    return await progress(messages)


async def _push(call: Call) -> StreamResponse:
    auth = await _push_auth(call)
    call.request.ends_with_client = True
    messages = call.engine.image_push(
        call.ref,
        tag=call.query.text("tag"),
        platform=call.query.text("platform"),
        auth=auth,
    )
    return await progress(messages)


async def _login(call: Call) -> Response:
    auth = await call.json(AuthConfig)
    call.request.ends_with_client = True
    return json_response(await call.engine.registry_login(auth))


async def _search(call: Call) -> Response:
    term = call.query.text("term")
    call.request.ends_with_client = True
    results = await call.engine.registry_search(
        term,
        limit=call.query.integer("limit", 0) or 0,
        filters=call.filters(_SEARCH_FILTERS),
        auth=_lenient_auth(call),
    )
    return json_response(results)


async def _inspect(call: Call) -> Response:
    call.request.ends_with_client = True
    return json_response(await call.engine.registry_inspect(call.ref, auth=_lenient_auth(call)))


def _lenient_auth(call: Call) -> AuthConfig:
    # As dockerd: a header that cannot be read is none, since public images need none.
    try:
        return decode_auth_header(call.request.headers.get(_HEADER, ""))
    except InvalidArgument:
        return AuthConfig()


async def _push_auth(call: Call) -> AuthConfig:
    """Return the header's credentials, or without the header the body's, as very old clients."""
    if call.request.headers.get(_HEADER):
        return _lenient_auth(call)
    raw = await call.request.body.read(MAX_BODY_BYTES) if call.request.has_body else b""
    try:
        return decode(AuthConfig, raw)
    except InvalidArgument as err:
        raise InvalidArgument(f"bad parameters and missing X-Registry-Auth: {err.message}") from err


OPERATIONS = (
    Operation("POST", "/images/{name}/push", "ImagePush", _push),
    Operation("GET", "/images/search", "ImageSearch", _search),
    Operation("POST", "/auth", "SystemAuth", _login),
    Operation("GET", "/distribution/{name}/json", "DistributionInspect", _inspect),
)
