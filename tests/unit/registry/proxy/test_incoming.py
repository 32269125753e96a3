from __future__ import annotations

import asyncio
import os
from contextlib import suppress

import pytest

from baleen.registry.proxy.incoming import IncomingBlob


def open_spools():
    """Return what open descriptors of unnamed files are called."""
    found = set()
    for number in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            found.add(os.readlink(f"/proc/self/fd/{number}"))
    return {name for name in found if name.endswith("(deleted)")}


class Feed:
    """Pieces that come when they are told to."""

    def __init__(self):
        self.pieces = asyncio.Queue()

    async def __aiter__(self):
        while (piece := await self.pieces.get()) is not None:
            yield piece


async def read(incoming, start=0, stop=None):
    pieces = incoming.pieces(start, incoming.size if stop is None else stop)
    return b"".join([piece async for piece in pieces])


async def drain(pieces):
    async for _ in pieces:
        pass


async def fetched(*pieces, size=None, is_verified=True):
    incoming = IncomingBlob(size or sum(map(len, pieces)))
    feed = Feed()
    for piece in (*pieces, None):
        feed.pieces.put_nowait(piece)
    await drain(incoming.feed(feed))
    incoming.finish(is_verified=is_verified)
    return incoming


async def test_many_read_what_comes_while_it_comes():
    incoming, feed = IncomingBlob(10), Feed()
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        feeding = tasks.create_task(drain(incoming.feed(feed)))
        reader = incoming.pieces(0, 10)
        feed.pieces.put_nowait(b"01234")
        assert await anext(reader) == b"01234"
        others = [tasks.create_task(read(incoming, at)) for at in (0, 3, 7)]
        feed.pieces.put_nowait(b"56789")
        feed.pieces.put_nowait(None)
        await feeding
        incoming.finish(is_verified=True)
        assert b"".join([piece async for piece in reader]) == b"56789"
    assert [task.result() for task in others] == [b"0123456789", b"3456789", b"789"]


async def test_the_last_byte_waits_for_the_verification():
    incoming = IncomingBlob(4)
    feed = Feed()
    feed.pieces.put_nowait(b"abcd")
    feed.pieces.put_nowait(None)
    await drain(incoming.feed(feed))
    reader = incoming.pieces(0, 4)
    assert await anext(reader) == b"abc"
    rest = asyncio.ensure_future(anext(reader, b""))
    await asyncio.sleep(0)
    assert not rest.done()
    incoming.finish(is_verified=True)
    assert await rest == b"d"


@pytest.mark.parametrize("size", [4, 10])
async def test_what_is_not_verified_is_never_complete(size):
    incoming = await fetched(b"abcd", size=size, is_verified=False)
    assert await read(incoming) == b"abcd"[: size - 1]
    assert await read(incoming, size - 1) == b""


async def test_readers_may_begin_after_the_end_and_read_parts():
    incoming = await fetched(b"x" * 600_000, b"yz")
    assert await read(incoming, 599_999, 600_001) == b"xy"
    assert len(await read(incoming)) == 600_002


async def test_the_spool_has_no_name_and_goes_with_its_last_reader(tmp_path):
    before = open_spools()
    incoming = IncomingBlob(3, str(tmp_path))
    assert list(tmp_path.iterdir()) == []
    reader = incoming.pieces(0, 3)
    del incoming
    assert open_spools() - before
    await reader.aclose()
    del reader
    assert not open_spools() - before
