"""Events of the engine: what happened to which object, for `docker events` and for ourselves.

The bus keeps the newest events so that `--since` can look back, as dockerd does. A subscriber
that does not read is cut off instead of growing without bound.

See: Engine API, /events.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from baleen.containers.filters import match_labels

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

__all__ = ["Event", "EventBus"]

# dockerd keeps 256 events for late subscribers.
_KEPT = 256
_MAX_PENDING = 4096


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `time_ns` is wall-clock time in nanoseconds since 1970."""

    type: str
    action: str
    actor: str
    attributes: Mapping[str, str]
    time_ns: int

    def encode(self) -> bytes:
        """Return the JSON line of the Engine API, with the fields old clients read."""
        message: dict[str, object] = {}
        if self.type in ("container", "image"):
            message["status"] = self.action
            message["id"] = self.actor
        if self.type == "container" and "image" in self.attributes:
            message["from"] = self.attributes["image"]
        message |= {
            "Type": self.type,
            "Action": self.action,
            "Actor": {"ID": self.actor, "Attributes": dict(self.attributes)},
            "scope": "local",
            "time": self.time_ns // 1_000_000_000,
            "timeNano": self.time_ns,
        }
        return json.dumps(message, separators=(",", ":")).encode() + b"\n"


class EventBus:
    """Publishes events to any number of subscribers. Used on the event loop only."""

    def __init__(self) -> None:
        self._kept: deque[Event] = deque(maxlen=_KEPT)
        self._queues: set[asyncio.Queue[Event | None]] = set()

    def publish(self, type_: str, action: str, actor: str, **attributes: str) -> None:
        """Record the event and hand it to the subscribers; never blocks."""
        self.publish_with(type_, action, actor, attributes)

    def publish_with(
        self, type_: str, action: str, actor: str, attributes: Mapping[str, str]
    ) -> None:
        """As `publish`, for attributes whose names are not identifiers."""
        event = Event(type_, action, actor, attributes, time.time_ns())
        self._kept.append(event)
        for queue in list(self._queues):
            if queue.qsize() >= _MAX_PENDING:
                self._queues.discard(queue)
                queue.put_nowait(None)
            else:
                queue.put_nowait(event)

    def subscribe(
        self,
        since: float | None,
        until: float | None,
        filters: Mapping[str, Sequence[str]],
    ) -> AsyncIterator[bytes]:
        """Return the matching events as JSON lines: kept ones from `since` on, then new ones.

        The subscription is in force when this returns. Times are seconds since 1970. The iterator
        ends at `until`, when the bus is closed, or when the reader is hopelessly slow.
        """
        queue: asyncio.Queue[Event | None] = asyncio.Queue()
        if since is not None:
            for event in self._kept:
                if event.time_ns >= since * 1e9:
                    queue.put_nowait(event)
        self._queues.add(queue)
        return self._stream(queue, until, filters)

    async def _stream(
        self,
        queue: asyncio.Queue[Event | None],
        until: float | None,
        filters: Mapping[str, Sequence[str]],
    ) -> AsyncIterator[bytes]:
        try:
            while True:
                if until is not None and queue.empty():
                    left = until - time.time()
                    if left <= 0:
                        return
                    try:
                        async with asyncio.timeout(left):
                            event = await queue.get()
                    except TimeoutError:
                        return
                else:
                    event = await queue.get()
                if event is None or (until is not None and event.time_ns > until * 1e9):
                    return
                if _matches(event, filters):
                    yield event.encode()
        finally:
            self._queues.discard(queue)

    def close(self) -> None:
        """End every subscription."""
        for queue in self._queues:
            queue.put_nowait(None)
        self._queues.clear()


def _matches(event: Event, filters: Mapping[str, Sequence[str]]) -> bool:
    return all(_matches_one(event, key, values) for key, values in filters.items() if values)


def _matches_one(event: Event, key: str, values: Sequence[str]) -> bool:
    match key:
        case "type":
            return event.type in values
        case "event":
            # "exec_create: sh -c x" matches a filter for "exec_create".
            return any(event.action == v or event.action.startswith(v + ":") for v in values)
        case "label":
            return match_labels(event.attributes, values)
        case "scope":
            return "local" in values
        case "container" | "image" | "network" | "volume" | "daemon":
            return _matches_object(event, key, values)
        case _:
            return False


def _matches_object(event: Event, kind: str, values: Sequence[str]) -> bool:
    if kind == "image" and event.type == "container":
        image = event.attributes.get("image", "")
        return any(image == v or image.split(":")[0] == v for v in values)
    if event.type != kind:
        return kind in event.attributes and event.attributes[kind] in values
    name = event.attributes.get("name", "")
    return any(
        value == event.actor
        or value == name
        or (kind == "container" and len(value) >= 4 and event.actor.startswith(value))
        or (kind == "image" and name.partition(":")[0] == value)
        for value in values
    )
