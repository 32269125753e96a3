from __future__ import annotations

import asyncio
import threading

import pytest

from baleen.engine.progress_feed import ProgressFeed, progress_text
from baleen.errors import NotFound


async def read(feed):
    return [message async for message in feed.messages()]


async def test_messages_come_in_order_and_then_the_end():
    feed = ProgressFeed()
    feed.message("Pulling from x", id="1")
    feed.step("a", "Waiting")
    feed.message("", aux={"Tag": "1"})
    feed.end()
    assert await read(feed) == [
        {"status": "Pulling from x", "id": "1"},
        {"status": "Waiting", "progressDetail": {}, "id": "a"},
        {"aux": {"Tag": "1"}},
    ]


async def test_an_error_comes_behind_what_was_sent():
    feed = ProgressFeed()
    feed.message("x")
    feed.end(NotFound("gone"))
    messages = feed.messages()
    assert await anext(messages) == {"status": "x"}
    with pytest.raises(NotFound, match="gone"):
        await anext(messages)


async def test_of_steps_that_wait_the_newest_is_sent_and_states_are_not_lost():
    feed = ProgressFeed()
    for done in range(1, 1000):
        feed.step("a", "Downloading", done, 1000)
        feed.step("b", "Downloading", done, 2000)
    feed.step("a", "Download complete")
    feed.end()
    messages = await read(feed)
    assert [(m["id"], m["status"]) for m in messages] == [
        ("a", "Downloading"),
        ("b", "Downloading"),
        ("a", "Download complete"),
    ]
    assert messages[0]["progressDetail"] == {"current": 999, "total": 1000}


async def test_threads_may_send():
    feed = ProgressFeed()

    def work():
        for number in range(100):
            feed.message(str(number))
        feed.end()

    reading = asyncio.create_task(read(feed))
    thread = threading.Thread(target=work)
    thread.start()
    async with asyncio.timeout(5):
        messages = await reading
    thread.join()
    assert [m["status"] for m in messages] == [str(number) for number in range(100)]


def test_sending_after_the_loop_has_ended_is_no_error():
    async def make():
        return ProgressFeed()

    feed = asyncio.run(make())
    feed.step("a", "Downloading", 1, 2)
    feed.end()


@pytest.mark.parametrize(
    ("current", "total", "text"),
    [
        (1500, 3000, f"[{'=' * 25}>{' ' * 25}]    1.5kB/3kB"),
        (3000, 3000, f"[{'=' * 50}>]      3kB/3kB"),
        (4000, 3000, f"[{'=' * 50}>]      4kB"),
        (12345678, 0, " 12.35MB"),
    ],
)
def test_the_bar_is_dockers(current, total, text):
    assert progress_text(current, total) == text
