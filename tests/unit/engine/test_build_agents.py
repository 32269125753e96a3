from __future__ import annotations

import asyncio

from baleen.engine.build_agents import offered_agents
from baleen.engine.build_feed import BuildFeed


async def test_an_agent_is_reached_through_the_feed_and_leaves_nothing(tmp_path):
    feed = BuildFeed()
    answers: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()

    async def incoming():
        while True:
            yield await answers.get()

    messages = feed.messages()
    async with offered_agents(tmp_path, "f" * 32, ["work"], feed, incoming()) as paths:
        reader, writer = await asyncio.open_unix_connection(paths["work"])
        writer.write(b"question")
        await writer.drain()
        opened = await anext(messages)
        assert opened == {"agent": {"channel": 1, "id": "work"}}
        assert await anext(messages) == (1, b"question")
        answers.put_nowait((9, b"nobody"))
        answers.put_nowait((1, b"answer"))
        assert await reader.readexactly(6) == b"answer"
        answers.put_nowait((1, b""))
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        assert await anext(messages) == (1, b"")
    assert list(tmp_path.iterdir()) == []
