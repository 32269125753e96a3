"""What all builds of one engine share: trees, contexts, the cache and the solver, with executors.

See: `build`.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from baleen.build.contexts.store import ContextStore
from baleen.build.files.digest import ContentDigests
from baleen.build.files.executors import FileOps, GitFetch, HttpFetch, Merges
from baleen.build.graph import Exec, FileOp, GitSource, HttpSource, Merge
from baleen.build.solver.cache import BuildCache
from baleen.build.solver.prune import PrunePolicy, parse_filters, prune
from baleen.build.solver.solver import Solver
from baleen.build.tree_store import TreeStore
from baleen.engine.build_images import BuildImages

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from baleen.build.interfaces import Executor
    from baleen.build.solver.records import CacheRecord
    from baleen.content import ContentStore
    from baleen.engine.build_request import CachePrune
    from baleen.engine.events import EventBus
    from baleen.engine.pulling import Pulling
    from baleen.engine.pushing import Pushing
    from baleen.engine.tasks import Tasks
    from baleen.images import ImageStore
    from baleen.snapshots import Snapshotter
    from baleen.state import Database

__all__ = ["BuildParts", "CacheEntry"]

_PARALLEL = 4


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """A record of the cache as `/system/df` shows it."""

    record: CacheRecord
    in_use: bool
    shared: bool


class BuildParts:
    """Put together once.

    Args:
        data_root: contexts and caches lie below its `build`.
        run: the executor of RUN.
    """

    def __init__(
        self,
        data_root: Path,
        database: Database,
        content: ContentStore,
        snapshots: Snapshotter,
        images: ImageStore,
        pulling: Pulling,
        pushing: Pushing,
        events: EventBus,
        tasks: Tasks,
        run: Executor,
        trees: TreeStore,
    ) -> None:
        self.directory = data_root / "build"
        self.content = content
        self.images = images
        self.pushing = pushing
        self.events = events
        self.tasks = tasks
        self.trees = trees
        self.resolver = BuildImages(images, pulling, tasks)
        self.contexts = ContextStore(self.directory / "contexts")
        self.cache = BuildCache(database, content, time.time_ns)
        files = FileOps(trees)
        self.solver = Solver(
            {
                FileOp: files,
                Merge: Merges(trees),
                GitSource: GitFetch(trees),
                HttpSource: HttpFetch(trees),
                Exec: run,
            },
            self.resolver,
            ContentDigests(trees),
            self.cache,
            parallel=_PARALLEL,
        )

    def start(self) -> None:
        """Read the cache, and remove what a crash left of builds. Blocks."""
        self.cache.start()
        self.contexts.sweep()

    async def entries(self) -> list[CacheEntry]:
        """Return the records of the cache, the oldest first."""
        return await self.tasks.blocking(self._entries)

    def _entries(self) -> list[CacheEntry]:
        records: Sequence[CacheRecord] = sorted(self.cache.records(), key=lambda r: r.created_ns)
        held = self.images.blobs()
        return [
            CacheEntry(
                record,
                in_use=self.cache.is_in_use(record.id),
                shared=any(digest in held for digest in record.own_layers),
            )
            for record in records
        ]

    async def prune(self, wanted: CachePrune) -> tuple[list[str], int]:
        """Remove records; return their ids, and the bytes that became free."""
        return await self.tasks.blocking(self._prune, wanted)

    def _prune(self, wanted: CachePrune) -> tuple[list[str], int]:
        filters, unused_ns = parse_filters(wanted.filters)
        now = time.time_ns()
        if wanted.until_ns is not None:
            unused_ns = max(now - wanted.until_ns, 1)
        held = self.images.blobs()
        policy = PrunePolicy(
            all=wanted.everything,
            unused_ns=unused_ns,
            filters=filters,
            max_used_bytes=wanted.max_used_bytes,
            reserved_bytes=wanted.keep_bytes,
            min_free_bytes=wanted.min_free_bytes,
        )
        done = prune(
            self.cache,
            policy,
            now_ns=now,
            is_shared=held.__contains__,
            free_bytes=shutil.disk_usage(self.directory.parent).free,
        )
        self.images.collect_garbage()
        return list(done.ids), done.bytes
