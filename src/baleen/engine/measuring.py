"""What running containers use: `docker stats` and `docker top`.

See: Engine API, /containers/{id}/stats, /containers/{id}/top.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from baleen.api import ContainerTopResponse
from baleen.containers.stats import Sample, empty_stats, network_counters, stats_document
from baleen.engine.ended import unless_ended
from baleen.engine.processes import namespace_members, process_table
from baleen.errors import BaleenError, Conflict, NotFound

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from baleen.containers import ContainerStore
    from baleen.containers.record import ContainerRecord
    from baleen.engine.events import EventBus
    from baleen.engine.starter import Starter

__all__ = ["Measuring"]

_INTERVAL_S = 1.0


class Measuring:
    """Reads counters of running containers; nothing runs inside them."""

    def __init__(self, store: ContainerStore, starter: Starter, events: EventBus) -> None:
        self._store = store
        self._starter = starter
        self._events = events

    async def top(self, ref: str, ps_arguments: str) -> ContainerTopResponse:
        """Return the container's processes.

        Raises:
            NotFound, InvalidArgument: no such container, a bad ps argument.
            Conflict: it is not running.
        """
        record = self._store.get(ref)
        if not record.is_running:
            raise Conflict(f"container {record.id} is not running")
        with unless_ended(record):
            group = self._starter.cgroup_of(record)
            pids = group.pids() if group.member_files else namespace_members(record.pid)
        titles, rows = process_table(pids, ps_arguments)
        attributes = {**record.config.labels, "image": record.config.image, "name": record.name}
        self._events.publish_with("container", "top", record.id, attributes)
        return ContainerTopResponse(titles=list(titles), processes=[list(row) for row in rows])

    def stats(self, ref: str, *, stream: bool, one_shot: bool) -> AsyncIterator[bytes]:
        """Return JSON documents: one each second while the container exists, or a single one.

        A single one has the sample of a second before in it unless `one_shot`.

        Raises:
            NotFound: at once, not from the iterator.
        """
        record = self._store.get(ref)
        return self._documents(record.id, stream=stream, one_shot=one_shot)

    async def _documents(
        self, container_id: str, *, stream: bool, one_shot: bool
    ) -> AsyncIterator[bytes]:
        previous: Sample | None = None
        if not stream and not one_shot:
            previous = self._sample(self._store.get(container_id))
            await asyncio.sleep(_INTERVAL_S)
        while True:
            record = self._store.by_id(container_id)
            if record is None:
                return
            sample = self._sample(record)
            yield msgspec.json.encode(self._document(record, sample, previous)) + b"\n"
            if not stream:
                return
            previous = sample
            await asyncio.sleep(_INTERVAL_S)

    def _sample(self, record: ContainerRecord) -> Sample | None:
        if not record.is_running:
            return None
        try:
            stats = self._starter.cgroup_of(record).stats()
            return Sample.take(stats, network_counters(record.pid))
        except (BaleenError, NotFound, OSError):
            return None  # it ended meanwhile

    @staticmethod
    def _document(
        record: ContainerRecord, sample: Sample | None, previous: Sample | None
    ) -> dict[str, Any]:
        if sample is None:
            return empty_stats(record.id, f"/{record.name}")
        return stats_document(record.id, f"/{record.name}", sample, previous)
