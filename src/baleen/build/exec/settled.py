"""Blocking calls whose outcome is known, whatever happens to who waits for it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Blocking", "settled"]

P = ParamSpec("P")
T = TypeVar("T")


class Blocking(Protocol):
    """Runs a call in a worker thread; `engine.tasks.Tasks.blocking` does."""

    async def __call__(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what the call returns."""
        ...


async def settled(
    blocking: Blocking, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
) -> T:
    """Return what the call returns; who is cancelled meanwhile waits for its end all the same.

    So nothing is still being made when the clean-up begins.
    """
    task = asyncio.ensure_future(blocking(call, *args, **kwargs))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # it is told of the cancellation alone
        raise
