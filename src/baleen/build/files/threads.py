"""Blocking work of a build in worker threads, which ends when the build is cancelled."""

from __future__ import annotations

import asyncio
import concurrent.futures
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING, TypeVar

from baleen.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

__all__ = ["Stream", "Workers"]

T = TypeVar("T")

_GATHER = 256 << 10
_CANCELLED = "the build was cancelled"


class Workers:
    """A bounded number of threads, made when they are needed. `close` waits for what runs."""

    def __init__(self, count: int = 4) -> None:
        self._executor = ThreadPoolExecutor(count, thread_name_prefix="baleen-build")

    async def run(self, call: Callable[[Callable[[], None]], T]) -> T:
        """Return what `call(check)` does; `check` raises once the caller was cancelled.

        Cancelled, it waits until the call has ended, so nothing of it goes on.
        """
        cancelled = Event()
        return await _ended(self._executor, lambda: call(lambda: _check(cancelled)), cancelled.set)

    async def read(
        self,
        chunks: AsyncIterator[bytes],
        call: Callable[[Iterator[bytes], Callable[[], None]], T],
    ) -> T:
        """As `run`, in a thread of its own that reads a client's stream, which may be slow."""
        cancelled = Event()
        stream = Stream(chunks)

        def cancel() -> None:
            cancelled.set()
            stream.cancel()

        executor = ThreadPoolExecutor(1, thread_name_prefix="baleen-context")
        try:
            return await _ended(
                executor, lambda: call(stream.pieces(), lambda: _check(cancelled)), cancel
            )
        finally:
            executor.shutdown(wait=False)

    async def finish(self, call: Callable[[], T]) -> T:
        """Return what `call()` does, which is done to its end whatever happens to the caller."""
        return await _ended(self._executor, call, lambda: None)

    def close(self) -> None:
        """End the threads."""
        self._executor.shutdown(wait=True, cancel_futures=True)


def _check(cancelled: Event) -> None:
    if cancelled.is_set():
        raise Unavailable(_CANCELLED)


async def _ended(
    executor: ThreadPoolExecutor, call: Callable[[], T], cancel: Callable[[], None]
) -> T:
    future = asyncio.get_running_loop().run_in_executor(executor, call)
    was_cancelled = False
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError:
            # However often that comes: the thread ends by itself.
            was_cancelled = True
            cancel()
    if was_cancelled:
        future.exception()
        raise asyncio.CancelledError
    return future.result()


class Stream:
    """An asynchronous stream for another thread than the loop's. Made on the loop."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._loop = asyncio.get_running_loop()
        self._pending: concurrent.futures.Future[bytes | None] | None = None
        self._is_cancelled = False

    def pieces(self) -> Iterator[bytes]:
        """Yield the stream; each step waits for the client. A broken stream raises its error."""
        while (piece := self._next()) is not None:
            yield piece

    def cancel(self) -> None:
        """End the waiting of the other thread. Called on the loop."""
        self._is_cancelled = True
        if self._pending is not None:
            self._pending.cancel()

    def _next(self) -> bytes | None:
        self._pending = asyncio.run_coroutine_threadsafe(self._gather(), self._loop)
        if self._is_cancelled:
            self._pending.cancel()
        try:
            return self._pending.result()
        except concurrent.futures.CancelledError as err:
            raise Unavailable(_CANCELLED) from err

    async def _gather(self) -> bytes | None:
        """Take some pieces at once: each switch of threads costs more than a small piece."""
        pieces: list[bytes] = []
        size = 0
        while size < _GATHER:
            piece = await anext(self._chunks, None)
            if piece is None:
                break
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces) if pieces else None
