"""Background work: errors stay inside, blocking work stays off the loop, streams are closed."""

from __future__ import annotations

import asyncio
import threading

import pytest

from baleen.engine.tasks import Tasks


@pytest.fixture
async def tasks():
    made = Tasks()
    yield made
    await made.close()


async def test_an_error_in_the_background_reaches_only_the_log(tasks, caplog):
    async def fail():
        raise ValueError("boom")

    tasks.start(fail(), "will fail")
    await tasks.drain()
    assert "will fail" in caplog.text


async def test_blocking_calls_run_in_another_thread(tasks):
    assert await tasks.blocking(threading.get_ident) != threading.get_ident()


async def test_an_iterator_is_closed_when_its_reader_stops(tasks):
    closed = threading.Event()

    def numbers():
        try:
            yield from range(1000)
        finally:
            closed.set()

    stream = tasks.iterate(numbers())
    assert await anext(stream) == 0
    await stream.aclose()
    assert closed.is_set()


async def test_a_body_can_be_read_from_another_thread(tasks):
    async def body():
        for part in (b"a", b"b", b"c"):
            await asyncio.sleep(0)
            yield part

    assert await tasks.consume(b"".join, body()) == b"abc"


async def test_a_broken_body_raises_in_the_consumer(tasks):
    async def body():
        yield b"a"
        raise ConnectionResetError("client went away")

    with pytest.raises(ConnectionResetError):
        await tasks.consume(b"".join, body())


async def test_close_cancels_what_still_runs():
    made = Tasks()
    started, ended = asyncio.Event(), asyncio.Event()

    async def forever():
        try:
            started.set()
            await asyncio.Event().wait()
        finally:
            ended.set()

    made.start(forever(), "forever")
    await started.wait()
    await made.close()
    assert ended.is_set()
