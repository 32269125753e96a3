"""Who is cancelled waits until the blocking call has ended."""

import asyncio
import threading

import pytest

from baleen.build.exec.settled import settled


async def in_thread(call, *args, **kwargs):
    return await asyncio.to_thread(call, *args, **kwargs)


def test_it_returns_what_the_call_returns():
    assert asyncio.run(settled(in_thread, lambda a, b: a + b, 1, b=2)) == 3


def test_an_error_is_raised():
    with pytest.raises(ZeroDivisionError):
        asyncio.run(settled(in_thread, lambda: 1 // 0))


def test_cancelling_waits_for_the_end_even_twice():
    begun, go = threading.Event(), threading.Event()
    done = []

    def work():
        begun.set()
        go.wait(10)
        done.append(1)
        raise ValueError

    async def main():
        task = asyncio.ensure_future(settled(in_thread, work))
        await asyncio.to_thread(begun.wait, 10)
        for _ in range(2):
            task.cancel()
            await asyncio.wait([task], timeout=0.01)
            assert not task.done()
        go.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert done == [1]

    asyncio.run(main())
