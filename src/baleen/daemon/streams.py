"""Helpers of the routes for answers that come bit by bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from baleen.api.wire import encode
from baleen.daemon.http_messages import StreamResponse, UpgradeHead
from baleen.errors import BaleenError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from baleen.daemon.routing import Call

__all__ = ["MULTIPLEXED", "RAW", "TAR", "UpgradeOnce", "primed", "progress", "stream_type"]

T = TypeVar("T")

RAW = "application/vnd.docker.raw-stream"
MULTIPLEXED = "application/vnd.docker.multiplexed-stream"
TAR = "application/x-tar"

_MULTIPLEXED_SINCE = (1, 42)


def stream_type(call: Call, *, tty: bool) -> str:
    """Return the media type of a container's output for the client's version."""
    return MULTIPLEXED if not tty and call.version >= _MULTIPLEXED_SINCE else RAW


async def primed(chunks: AsyncIterator[T]) -> AsyncIterator[T]:
    """Return the same iterator after its first item is there.

    What is wrong with the request then becomes a status; after the head is sent it no longer can.
    """
    try:
        first = await anext(chunks)
    except StopAsyncIteration:
        return chunks
    return _chained(first, chunks)


async def _chained(first: T, rest: AsyncIterator[T]) -> AsyncIterator[T]:
    try:
        yield first
        async for item in rest:
            yield item
    finally:
        await close(rest)


async def close(chunks: AsyncIterator[T]) -> None:
    """Close an iterator that may be an async generator."""
    aclose = getattr(chunks, "aclose", None)
    if aclose is not None:
        await aclose()


async def progress(messages: AsyncIterator[Mapping[str, object]]) -> StreamResponse:
    """Return a stream of JSON objects, one a line; a late error is the last of them."""
    first = await primed(messages)
    return StreamResponse(_lines(first), content_type="application/json", live=False)


async def _lines(messages: AsyncIterator[Mapping[str, object]]) -> AsyncIterator[bytes]:
    try:
        async for message in messages:
            yield encode(message) + b"\r\n"
    except BaleenError as err:
        yield encode({"errorDetail": {"message": str(err)}, "error": str(err)}) + b"\r\n"
    finally:
        await close(messages)


class UpgradeOnce:
    """What the engine calls to take the connection over; knows whether it did.

    With `Upgrade: tcp` the answer is 101 and the type of the stream, else 200 and the raw type,
    as old clients expect it.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self.done = False

    async def __call__(self, *, tty: bool) -> tuple[int, bytes]:
        """Answer and return (descriptor of a stream socket that the caller owns, early bytes)."""
        if self._call.request.head.upgrade:
            kind = stream_type(self._call, tty=tty)
            head = UpgradeHead(
                "101 UPGRADED", f"Content-Type: {kind}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
            )
        else:
            head = UpgradeHead("200 OK", f"Content-Type: {RAW}\r\n")
        self.done = True
        return await self._call.request.hijack(head)
