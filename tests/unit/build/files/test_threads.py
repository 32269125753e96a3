"""Work in threads ends with who wanted it."""

import asyncio
import threading

import pytest

from baleen.build.files.threads import Workers
from baleen.errors import Unavailable


@pytest.fixture
def workers():
    made = Workers(2)
    yield made
    made.close()


async def test_results_and_errors_come_back(workers):
    assert await workers.run(lambda _check: 5) == 5

    def fail(_check):
        raise Unavailable("no")

    with pytest.raises(Unavailable, match="no"):
        await workers.run(fail)


async def test_a_cancelled_caller_waits_for_the_thread_that_sees_it(workers):
    begun, ended = threading.Event(), []

    def work(check):
        begun.set()
        try:
            while True:
                check()
        finally:
            ended.append(1)

    task = asyncio.create_task(workers.run(work))
    await asyncio.to_thread(begun.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [1]


async def test_a_stream_is_read_in_another_thread(workers):
    async def chunks():
        for number in range(1000):
            yield b"%d," % number

    text = await workers.read(chunks(), lambda pieces, _check: b"".join(pieces))
    assert text == b"".join(b"%d," % n for n in range(1000))


async def test_a_stream_that_breaks_off_raises(workers):
    async def chunks():
        yield b"x"
        raise Unavailable("the client went away")

    with pytest.raises(Unavailable, match="went away"):
        await workers.read(chunks(), lambda pieces, _check: b"".join(pieces))


async def test_a_client_that_sends_nothing_more_does_not_hold_a_cancelled_build(workers):
    waiting = asyncio.Event()

    async def chunks():
        waiting.set()
        await asyncio.Event().wait()
        yield b""

    task = asyncio.create_task(workers.read(chunks(), lambda pieces, _check: list(pieces)))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_must_be_done_is_done_to_its_end(workers):
    begin, done = threading.Event(), []

    def work():
        begin.wait(10)
        done.append(1)

    task = asyncio.create_task(workers.finish(work))
    await asyncio.sleep(0)
    task.cancel()
    begin.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == [1]
