"""Building images: the classic endpoint, cancelling, and the build cache.

The answer to a build is the stream of dockerd's classic builder. A body of our own content type
carries more (`api.builds.BuildPrelude`) and is answered in frames, of which some hold an output's
bytes; nothing of it needs a second request.

See: Engine API v1.55, /build, /build/prune; docs/build.md.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from baleen import errors
from baleen.api.build_frames import (
    AGENT,
    CONTENT_TYPE,
    DATA,
    MESSAGE,
    PRELUDE,
    BuildFrames,
    encode_build_frame,
)
from baleen.api.builds import BuildPrelude
from baleen.api.wire import decode, encode
from baleen.daemon.build_query import NO_SESSION, parse_build, parse_prune
from baleen.daemon.http_messages import Response, StreamResponse
from baleen.daemon.routing import Call, Operation, json_response
from baleen.daemon.streams import close, primed
from baleen.engine.build_request import BuildFailure, ContextBody
from baleen.errors import BaleenError, InvalidArgument

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from baleen.engine.build_request import BuildMessage

__all__ = ["OPERATIONS"]

_TAR = re.compile(r"application/(x-)?(tar|octet-stream|gzip|x-gzip|bzip2|xz|zstd)\s*(;.*)?")
_OTHERS = frozenset({"", "application/json"})
# What curl sends unless it is told otherwise; a web page may send it too, but not to a socket.
_FORM = "application/x-www-form-urlencoded"


async def _build(call: Call) -> StreamResponse:
    request = call.request
    kind = request.headers.get("content-type", "").strip().lower()
    request.ends_with_client = True
    if kind == CONTENT_TYPE:
        return await _own_build(call)
    lenient = not request.is_tcp and kind == _FORM
    if not (_TAR.fullmatch(kind) or kind in _OTHERS or lenient):
        raise InvalidArgument(f"unsupported Content-Type header ({kind[:64]}): must be a tar's")
    wanted = parse_build(call)
    for output in wanted.outputs:
        if output.to_client:  # the classic stream has no place for the bytes
            raise InvalidArgument(
                f'this client does not take an output of type "{output.kind}": use `baleen build`'
            )
    main = None if wanted.remote or not request.has_body else request.body.stream()
    messages = call.engine.image_build(wanted, ContextBody(main))
    chunks = _lines(await primed(messages))
    return StreamResponse(chunks, content_type="application/json", live=False)


async def _lines(messages: AsyncIterator[BuildMessage]) -> AsyncIterator[bytes]:
    try:
        async for message in messages:
            if isinstance(message, dict):
                yield encode(message) + b"\r\n"
    except BaleenError as err:
        yield encode(_error_of(err)) + b"\r\n"
    finally:
        await close(messages)


def _error_of(err: BaleenError) -> dict[str, object]:
    text = str(err)
    detail: dict[str, object] = {"message": text}
    if isinstance(err, BuildFailure) and err.exit_code:
        detail = {"code": err.exit_code, "message": text}
    return {"errorDetail": detail, "error": text}


# --- our own content type


class _Body:
    """A body in frames: the prelude, then contexts one after another, then agents' answers."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._frames = self._decoded(chunks)

    @staticmethod
    async def _decoded(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[int, bytes]]:
        decoder = BuildFrames()
        async for chunk in chunks:
            for frame in decoder.feed(chunk):
                yield frame
        if not decoder.at_boundary:
            raise InvalidArgument("malformed body of a build: it ends within a frame")

    async def prelude(self) -> BuildPrelude:
        first = await anext(self._frames, None)  # no tuple: CPython 3.11 chokes on it
        if first is None or first[0] != PRELUDE or not first[1]:
            raise InvalidArgument("malformed body of a build: it does not begin with its prelude")
        return decode(BuildPrelude, first[1])

    async def context(self) -> AsyncIterator[bytes]:
        async for kind, payload in self._frames:
            if kind != DATA:
                raise InvalidArgument("malformed body of a build: a context is expected")
            if not payload:
                return
            yield payload
        raise InvalidArgument("malformed body of a build: it ends within a context")

    async def contexts(self) -> AsyncIterator[AsyncIterator[bytes]]:
        while True:
            yield self.context()

    async def agents(self) -> AsyncIterator[tuple[int, bytes]]:
        """Yield what a client's agents answer: (channel, bytes)."""
        async for kind, payload in self._frames:
            if kind != AGENT or len(payload) < 4:
                raise InvalidArgument("malformed body of a build: an agent's answer is expected")
            yield int.from_bytes(payload[:4], "big"), payload[4:]


async def _own_build(call: Call) -> StreamResponse:
    body = _Body(call.request.body.stream())
    wanted = parse_build(call, await body.prelude())
    main = None if wanted.remote else body.context()
    agents = body.agents() if wanted.ssh else None
    messages = call.engine.image_build(wanted, ContextBody(main, body.contexts(), agents))
    chunks = _framed(await primed(messages))
    return StreamResponse(chunks, content_type=CONTENT_TYPE, live=False)


async def _framed(messages: AsyncIterator[BuildMessage]) -> AsyncIterator[bytes]:
    try:
        async for message in messages:
            if isinstance(message, dict):
                yield encode_build_frame(MESSAGE, encode(message))
            elif isinstance(message, bytes):
                yield encode_build_frame(DATA, message)
            else:
                channel, data = message
                yield encode_build_frame(AGENT, channel.to_bytes(4, "big") + data)
    except BaleenError as err:
        yield encode_build_frame(MESSAGE, encode(_error_of(err)))
    finally:
        await close(messages)


# --- around builds


async def _prune(call: Call) -> Response:
    return json_response(await call.engine.build_prune(parse_prune(call)))


async def _cancel(call: Call) -> Response:
    build_id = call.query.text("id")
    if not build_id:
        raise InvalidArgument("build ID not provided")
    await call.engine.build_cancel(build_id)
    return Response(200, content_type="")


def _session(call: Call) -> Response:
    raise errors.NotImplemented(NO_SESSION)


OPERATIONS = (
    Operation("POST", "/build", "ImageBuild", _build),
    Operation("POST", "/build/prune", "BuildPrune", _prune),
    Operation("POST", "/build/cancel", "BuildCancel", _cancel),
    Operation("POST", "/session", "Session", _session),
    Operation("POST", "/grpc", "Grpc", _session),
)
