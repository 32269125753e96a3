"""Blocking work of a build in worker threads, which ends when the build is cancelled."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING, TypeVar

from baleen.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Workers"]

T = TypeVar("T")


class Workers:
    """A bounded number of threads, made when they are needed. `close` waits for what runs."""

    def __init__(self, count: int = 4) -> None:
        self._executor = ThreadPoolExecutor(count, thread_name_prefix="baleen-build")

    async def run(self, call: Callable[[Callable[[], None]], T]) -> T:
        """Return what `call(check)` does; `check` raises once the caller was cancelled.

        Cancelled, it waits until the call has ended, so nothing of it goes on.
        """
        cancelled = Event()

        def check() -> None:
            if cancelled.is_set():
                raise Unavailable("the build was cancelled")

        future = asyncio.get_running_loop().run_in_executor(self._executor, call, check)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            cancelled.set()
            while not future.done():
                # A second cancellation does not make the thread end earlier.
                try:
                    await asyncio.wait([future])
                except asyncio.CancelledError:
                    continue
            future.exception()
            raise

    def close(self) -> None:
        """End the threads."""
        self._executor.shutdown(wait=True, cancel_futures=True)
