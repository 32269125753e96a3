"""Work that goes on behind a request, always under a parent: the engine's own task group."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator

__all__ = ["Tasks"]

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

# Disk work of several requests overlaps, but cannot take every core or thousands of threads.
_WORKERS = 4


class Tasks:
    """Background tasks and blocking calls of one engine; both end with `close`."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()
        self._executor = ThreadPoolExecutor(_WORKERS, thread_name_prefix="baleen")

    def start(self, work: Coroutine[object, object, None], name: str) -> None:
        """Run `work` on the loop; an error of it is logged, it cannot reach anybody else."""
        task = asyncio.get_running_loop().create_task(self._guard(work, name), name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    @staticmethod
    async def _guard(work: Coroutine[object, object, None], name: str) -> None:
        try:
            await work
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("background task failed: %s", name)

    async def blocking(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a blocking call in one of the bounded worker threads.

        A cancelled caller does not stop the call; it ends by itself.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, lambda: call(*args, **kwargs))

    async def iterate(self, iterator: Iterator[T], *, alone: bool = False) -> AsyncIterator[T]:
        """Iterate over a blocking iterator, each step in a worker thread; closes it at the end.

        With `alone` it gets a thread of its own: for iterators that may wait for a client, who
        must not keep the shared workers from others.
        """
        loop = asyncio.get_running_loop()
        executor = ThreadPoolExecutor(1) if alone else self._executor
        end = object()
        try:
            while True:
                item = await loop.run_in_executor(executor, next, iterator, end)
                if item is end:
                    return
                yield item  # type: ignore[misc]  # not the sentinel, so a T
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                await asyncio.shield(loop.run_in_executor(executor, close))
            if alone:
                executor.shutdown(wait=False)

    async def consume(self, call: Callable[[Iterator[bytes]], T], body: AsyncIterator[bytes]) -> T:
        """Run a blocking call that reads a client's body, in a thread of its own."""
        executor = ThreadPoolExecutor(1)
        try:
            return await asyncio.get_running_loop().run_in_executor(
                executor, call, blocking_chunks(body)
            )
        finally:
            executor.shutdown(wait=False)

    async def drain(self) -> None:
        """Wait for the background tasks that run now."""
        while self._running:
            await asyncio.wait(list(self._running))

    async def close(self) -> None:
        """Cancel what still runs and release the worker threads."""
        for task in list(self._running):
            task.cancel()
        if self._running:
            await asyncio.wait(list(self._running))
        self._executor.shutdown(wait=False, cancel_futures=True)


def blocking_chunks(body: AsyncIterator[bytes]) -> Iterator[bytes]:
    """Return a body for use in another thread than the loop's; each step waits for the client.

    Must be called on the loop. A body that is broken off raises from the iterator.
    """
    loop = asyncio.get_running_loop()

    async def step() -> bytes | None:
        return await anext(body, None)

    def chunks() -> Iterator[bytes]:
        while (chunk := asyncio.run_coroutine_threadsafe(step(), loop).result()) is not None:
            yield chunk

    return chunks()
