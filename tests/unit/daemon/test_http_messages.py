from __future__ import annotations

import asyncio

import pytest

from baleen.daemon.http_messages import Body
from baleen.errors import InvalidArgument


def body():
    events = []
    return Body(lambda: events.append("begin"), lambda: events.append("wants")), events


async def test_a_complete_body_is_read_without_asking_the_client():
    read, events = body()
    read.feed(b"ab")
    read.finish()
    assert await read.read(10) == b"ab"
    assert events == []


async def test_a_body_in_parts_is_awaited_and_the_client_is_told_once():
    read, events = body()
    reading = asyncio.ensure_future(read.read(10))
    await asyncio.sleep(0)
    assert events == ["begin"]
    for part in (b"a", b"b"):
        read.feed(part)
        await asyncio.sleep(0)
    read.finish()
    assert await reading == b"ab"


async def test_a_body_over_the_limit_and_a_client_that_leaves_are_errors():
    read, _ = body()
    read.feed(b"abc")
    with pytest.raises(InvalidArgument, match="larger than 2 bytes"):
        await read.read(2)
    read, _ = body()
    read.feed(b"abc")
    read.abort("gone")
    with pytest.raises(InvalidArgument, match="gone"):
        await read.read(10)


async def test_a_full_body_says_so_and_asks_for_more_when_read():
    read, events = body()
    while not read.is_full:
        read.feed(bytes(65536))
    stream = read.stream()
    await anext(stream)
    assert "wants" in events
    await stream.aclose()
