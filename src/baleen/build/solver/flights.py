"""One run of an operation for all builds that want it at the same time.

The build that came first runs it, on its own session; the others wait and hear what it says. One
that leaves ends nothing that another still waits for: the first then stays until its run is over,
because the run uses what belongs to it. The last one to leave ends the run.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from baleen.build.interfaces import Report

__all__ = ["Flights"]

Result = TypeVar("Result")
_KEPT_BYTES = 1 << 20


@dataclass(slots=True)
class _Audience:
    """Passes progress on to all who wait, and what was said so far to those who come later."""

    reports: list[Report] = field(default_factory=list)
    said: deque[tuple[int, bytes]] = field(default_factory=deque)
    size: int = 0

    def join(self, report: Report) -> None:
        for stream, data in self.said:
            report.log(stream, data)
        self.reports.append(report)

    def log(self, stream: int, data: bytes) -> None:
        self.said.append((stream, data))
        self.size += len(data)
        while self.size > _KEPT_BYTES:
            self.size -= len(self.said.popleft()[1])
        for report in self.reports:
            report.log(stream, data)

    def status(self, text: str) -> None:
        for report in self.reports:
            report.status(text)


@dataclass(slots=True, eq=False)
class _Flight(Generic[Result]):
    audience: _Audience
    waiting: int = 1
    task: asyncio.Task[Result] | None = None
    welcome: list[Callable[[Result], None]] = field(default_factory=list)


class Flights(Generic[Result]):
    """Runs by key."""

    def __init__(self) -> None:
        self._flights: dict[str, _Flight[Result]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    async def run(
        self,
        key: str,
        work: Callable[[Report], Awaitable[Result]],
        report: Report,
        welcome: Callable[[Result], None],
    ) -> tuple[Result, bool]:
        """Do `work` unless a run with that key is under way; return its result, and whether so.

        `welcome` is called with the result before anybody hears of it: it takes it under a lease.

        Raises:
            Exception: of the work, to all who wait.
        """
        flight = self._flights.get(key)
        if flight is not None:
            return await self._join(key, flight, report, welcome), True
        flight = _Flight(_Audience([report]))
        flight.welcome.append(welcome)
        self._flights[key] = flight
        flight.task = asyncio.create_task(self._fly(key, flight, work), name=f"build {key[:12]}")
        try:
            return await asyncio.shield(flight.task), False
        except asyncio.CancelledError:
            self._leave(key, flight, report)
            raise
        finally:
            while not flight.task.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([flight.task])
            if not flight.task.cancelled():
                flight.task.exception()  # somebody has heard it, or nobody wants to

    async def _fly(
        self, key: str, flight: _Flight[Result], work: Callable[[Report], Awaitable[Result]]
    ) -> Result:
        try:
            result = await work(flight.audience)
            for welcome in flight.welcome:
                welcome(result)
            return result
        finally:
            if self._flights.get(key) is flight:
                del self._flights[key]

    async def _join(
        self,
        key: str,
        flight: _Flight[Result],
        report: Report,
        welcome: Callable[[Result], None],
    ) -> Result:
        assert flight.task is not None  # set before anything is awaited
        flight.waiting += 1
        flight.welcome.append(welcome)
        flight.audience.join(report)
        try:
            return await asyncio.shield(flight.task)
        except asyncio.CancelledError:
            flight.welcome.remove(welcome)
            self._leave(key, flight, report)
            raise

    def _leave(self, key: str, flight: _Flight[Result], report: Report) -> None:
        flight.waiting -= 1
        if report in flight.audience.reports:
            flight.audience.reports.remove(report)
        if not flight.waiting and flight.task is not None:
            # Who comes now begins anew.
            if self._flights.get(key) is flight:
                del self._flights[key]
            flight.task.cancel()
