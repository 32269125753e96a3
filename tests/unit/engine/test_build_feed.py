from __future__ import annotations

import asyncio

from baleen.engine.build_feed import BuildFeed


async def test_messages_come_in_order_and_end():
    feed = BuildFeed()
    feed.send({"a": 1})
    feed.send_agent(3, b"x")
    await feed.send_output(b"data")
    feed.end()
    assert [m async for m in feed.messages()] == [{"a": 1}, (3, b"x"), b"data"]


async def test_a_client_that_does_not_read_costs_no_memory_without_bound():
    feed = BuildFeed()
    for _ in range(300):
        feed.send({"stream": "x" * (1 << 16)})
    feed.send({"aux": "still comes"})
    feed.end()
    found = [m async for m in feed.messages()]
    size = sum(len(m.get("stream", "")) for m in found)
    assert size < 10 << 20
    assert sum("output clipped" in m.get("stream", "") for m in found) == 1
    assert found[-1] == {"aux": "still comes"}


async def test_bytes_of_an_output_wait_for_the_client():
    feed = BuildFeed()
    sent = []

    async def send():
        for number in range(10):
            await feed.send_output(b"%d" % number)
            sent.append(number)
        feed.end()

    async with asyncio.TaskGroup() as group:
        group.create_task(send())
        await asyncio.sleep(0)
        assert len(sent) == 4
        found = [m async for m in feed.messages()]
    assert found == [b"%d" % number for number in range(10)]
