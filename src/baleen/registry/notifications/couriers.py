"""Couriers: one task for each endpoint, which brings it its events until it has answered.

An answer of 2xx or 3xx is a receipt; redirects are not followed. Anything else is tried again,
after `backoff` while there were fewer than `threshold` failures in a row, and then after twice as
long each time, up to five minutes. No more than 50 events are in an envelope.
"""

from __future__ import annotations

import asyncio
import random
import socket
import sqlite3
import time
import uuid
from typing import TYPE_CHECKING

import msgspec

from baleen.errors import InvalidArgument
from baleen.registry.configuration import seconds
from baleen.registry.notifications.envelope import MEDIA_TYPE, Source, encode_event, envelope

if TYPE_CHECKING:
    from collections.abc import Callable

    import aiohttp

    from baleen.registry.events import Event
    from baleen.registry.notifications.queue import EventQueue
    from baleen.registry.watching.numbers import Numbers

__all__ = ["Couriers", "Endpoint", "Notifications", "check_endpoints"]

_MOST_IN_ENVELOPE = 50
_LONGEST_WAIT_S = 300.0


class Ignore(msgspec.Struct, frozen=True, kw_only=True):
    """What an endpoint is not told: media types of targets, and actions."""

    mediatypes: list[str] = []
    actions: list[str] = []


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `notifications.endpoints`; names are those of distribution."""

    name: str = ""
    url: str = ""
    disabled: bool = False
    headers: dict[str, list[str]] = {}
    timeout: str = "5s"
    threshold: int = 10
    backoff: str = "1s"
    ignoredmediatypes: list[str] = []
    ignore: Ignore = Ignore()

    def wants(self, event: Event) -> bool:
        """Say whether it is told of an event."""
        ignored = (*self.ignoredmediatypes, *self.ignore.mediatypes)
        return event.action.value not in self.ignore.actions and event.media_type not in ignored


class Notifications(msgspec.Struct, frozen=True, kw_only=True):
    """Section `notifications`; `queue` is a file, below the storage's root unless given."""

    endpoints: list[Endpoint] = []
    queue: str = ""


def check_endpoints(endpoints: list[Endpoint]) -> None:
    """Refuse endpoints that cannot work.

    Raises:
        InvalidArgument: with the key.
    """
    names: set[str] = set()
    for number, endpoint in enumerate(endpoints):
        where = f"notifications.endpoints.{number}"
        if not endpoint.name or endpoint.name in names:
            raise InvalidArgument(f"{where}.name must be there and be no other's")
        names.add(endpoint.name)
        if not endpoint.url.startswith(("http://", "https://")):
            raise InvalidArgument(f"{where}.url must begin with http:// or https://")
        seconds(endpoint.timeout, f"{where}.timeout")
        seconds(endpoint.backoff, f"{where}.backoff")


class Couriers:
    """An `EventSink` whose events reach endpoints.

    Args:
        endpoints: checked, those that are disabled included.
        queue: keeps events; closed by `stop`.
        url_base: of the registry, for `target.url`.
        metrics: counts.
        complain: is told when an endpoint begins to fail and when it answers again.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        endpoints: list[Endpoint],
        queue: EventQueue,
        *,
        url_base: str,
        metrics: Numbers,
        complain: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._endpoints = [endpoint for endpoint in endpoints if not endpoint.disabled]
        self._queue = queue
        self._url_base = url_base
        self._metrics = metrics
        self._complain = complain
        self._clock = clock
        self._source = Source(socket.gethostname(), str(uuid.uuid4()))
        self._news = {endpoint.name: asyncio.Event() for endpoint in self._endpoints}
        queue.forget_others(frozenset(self._news))
        for endpoint in self._endpoints:
            self._news[endpoint.name].set()
            self._metrics.pending.labels(endpoint.name).set(queue.waiting(endpoint.name))

    def emit(self, event: Event) -> None:
        """See `EventSink.emit`."""
        self._metrics.events.labels(event.action.value).inc()
        wanting = [endpoint for endpoint in self._endpoints if endpoint.wants(event)]
        if not wanting:
            return
        content = encode_event(event, self._source, self._url_base, self._clock())
        for endpoint in wanting:
            try:
                given_up = self._queue.add(endpoint.name, content)
            except sqlite3.Error as err:
                self._complain(f"notification for {endpoint.name} is lost: {err}")
                continue
            if given_up:
                self._metrics.dropped.labels(endpoint.name).inc(given_up)
            self._metrics.pending.labels(endpoint.name).set(self._queue.waiting(endpoint.name))
            self._news[endpoint.name].set()

    async def run(self) -> None:
        """Deliver until cancelled; an envelope that is under way then is sent again later."""
        import aiohttp  # a registry without endpoints never needs it

        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
            for endpoint in self._endpoints:
                tasks.create_task(self._serve(session, endpoint))

    async def _serve(self, session: aiohttp.ClientSession, endpoint: Endpoint) -> None:
        news = self._news[endpoint.name]
        backoff = seconds(endpoint.backoff, "backoff")
        failures = 0
        while True:
            await news.wait()
            news.clear()
            try:
                last, events = self._queue.oldest(endpoint.name, _MOST_IN_ENVELOPE)
                if not events:
                    continue
                news.set()
                problem = await self._deliver(session, endpoint, envelope(events))
                if not problem:
                    self._queue.remove(endpoint.name, last)
            except sqlite3.Error as err:
                # A full disk, say. What could not be removed is sent once more.
                news.set()
                problem = f"the queue cannot be used: {err}"
            if not problem:
                self._metrics.pending.labels(endpoint.name).set(self._queue.waiting(endpoint.name))
                if failures:
                    self._complain(f"notifications reach {endpoint.name} again")
                failures = 0
                continue
            failures += 1
            if failures == 1:
                self._complain(f"notifications do not reach {endpoint.name}: {problem}")
            await asyncio.sleep(_wait(backoff, failures - endpoint.threshold))

    async def _deliver(
        self, session: aiohttp.ClientSession, endpoint: Endpoint, body: bytes
    ) -> str:
        """Send an envelope; return what went wrong, or nothing."""
        import aiohttp

        headers = [(name, value) for name, values in endpoint.headers.items() for value in values]
        problem = ""
        try:
            async with (
                asyncio.timeout(seconds(endpoint.timeout, "timeout")),
                session.post(
                    endpoint.url,
                    data=body,
                    headers=[*headers, ("Content-Type", MEDIA_TYPE)],
                    allow_redirects=False,
                ) as response,
            ):
                if not 200 <= response.status < 400:
                    problem = f"it answers {response.status}"
        except TimeoutError:
            problem = f"no answer within {endpoint.timeout}"
        except (aiohttp.ClientError, OSError, ValueError) as err:
            problem = f"{type(err).__name__}"
        result = "failed" if problem else "succeeded"
        self._metrics.deliveries.labels(endpoint.name, result).inc()
        return problem


def _wait(backoff: float, beyond: int) -> float:
    """Return how long to wait, `beyond` failures after the threshold; spread by a tenth."""
    longer = float(backoff * 2 ** min(max(beyond, 0), 20))
    return min(longer, _LONGEST_WAIT_S) * random.uniform(0.9, 1.1)  # noqa: S311
