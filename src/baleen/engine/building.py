"""Building images: what a `POST /build` sets in motion, and the build cache as a whole.

    request, body ──► contexts ──► Dockerfile ──► plan ──► solver ──► exporters ──► names, events
                         └───────── messages for the client as they come ─────────┘

A build is one task with all of its work below it. When the client goes, or `/build/cancel` names
it, the task is cancelled, and nothing of the build is left: its processes, directories, leases.

See: Engine API, /build.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import TYPE_CHECKING

from baleen.api.builds import BuildCache, BuildPruneResponse
from baleen.api.timestamps import format_rfc3339_nano
from baleen.engine.build_feed import BuildFeed
from baleen.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from baleen.engine.build_parts import BuildParts, CacheEntry
    from baleen.engine.build_request import BuildMessage, BuildRequest, CachePrune, ContextBody

__all__ = ["Building"]

log = logging.getLogger(__name__)


class Building:
    """The builds of one engine."""

    def __init__(self, parts: BuildParts) -> None:
        self.parts = parts
        self._running: dict[str, asyncio.Task[None]] = {}

    def start(self) -> None:
        """Read the cache, and remove what a crash left. Blocks."""
        self.parts.start()

    def close(self) -> None:
        """Let go of the threads; builds were cancelled with their connections. Blocks."""
        self.parts.close()

    def build(self, request: BuildRequest, body: ContextBody) -> AsyncIterator[BuildMessage]:
        """Build; yields the messages. Closing the iterator gives the build up.

        Raises:
            BaleenError: from the iterator: what is wrong with the request, the context, the
                Dockerfile; or `BuildFailure` for the step that failed.
        """
        return self._build(request, body)

    async def _build(self, request: BuildRequest, body: ContextBody) -> AsyncIterator[BuildMessage]:
        # Its modules take a tenth of a second to load, once.
        BuildRun = await self.parts.tasks.blocking(self.parts.loaded)  # a class
        build_id = secrets.token_hex(16)
        feed = BuildFeed()
        run = BuildRun(self.parts, request, body, feed, build_id)
        name = request.build_id or build_id
        # Its parent is this generator, which outlives it: see `finally`.
        task = asyncio.get_running_loop().create_task(run.run(), name=f"build-{build_id}")
        self._running[name] = task
        task.add_done_callback(lambda _: feed.end())
        try:
            async for message in feed.messages():
                yield message
            await task  # raises what the build did
        except asyncio.CancelledError:
            if task.cancelled() and not _is_cancelled():
                raise NotFound("the build was cancelled") from None
            raise
        finally:
            self._running.pop(name, None)
            task.cancel()
            while not task.done():
                await asyncio.shield(asyncio.wait([task]))

    async def cancel(self, build_id: str) -> None:
        """Give a build up that the client named with `buildid`; unknown ones are done already."""
        task = self._running.get(build_id)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def prune(self, wanted: CachePrune) -> BuildPruneResponse:
        """Remove records of the cache that no build uses."""
        deleted, reclaimed = await self.parts.prune(wanted)
        self.parts.events.publish_with("builder", "prune", "", {"reclaimed": str(reclaimed)})
        return BuildPruneResponse(caches_deleted=sorted(deleted), space_reclaimed=reclaimed)

    async def records(self) -> list[BuildCache]:
        """Return the records of the cache, for `/system/df`."""
        return [_view(entry) for entry in await self.parts.entries()]


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and bool(task.cancelling())


def _view(entry: CacheEntry) -> BuildCache:
    record = entry.record
    return BuildCache(
        id=record.id,
        parents=list(record.parents),
        type=record.type,
        description=record.description,
        in_use=entry.in_use,
        shared=entry.shared,
        size=entry.size_bytes,
        created_at=format_rfc3339_nano(record.created_ns),
        last_used_at=format_rfc3339_nano(record.last_used_ns) if record.last_used_ns else None,
        usage_count=record.uses,
    )
