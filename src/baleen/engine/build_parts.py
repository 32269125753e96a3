"""What all builds of one engine share: trees, contexts, the cache and the solver, with executors.

What only a build needs is loaded with the first one: a daemon that never builds is smaller.

See: `build`.
"""

from __future__ import annotations

import logging
import shutil
import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from baleen.build.exec.caches import CacheMounts, Usage
from baleen.build.exec.executor import Execs
from baleen.build.files.threads import Workers
from baleen.build.solver.cache import BuildCache
from baleen.build.solver.prune import PrunePolicy, parse_filters, prune, select
from baleen.build.solver.records import CacheRecord
from baleen.build.tree_store import TreeStore
from baleen.engine.build_gc import BuildGc

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from baleen.build.contexts.store import ContextStore
    from baleen.build.exec.process import Processes
    from baleen.build.session import LocalDirectory
    from baleen.build.solver.solver import Solver
    from baleen.content import ContentStore
    from baleen.engine.build_cache import BuildCaches
    from baleen.engine.build_images import BuildImages
    from baleen.engine.build_request import CachePrune
    from baleen.engine.build_run import BuildRun
    from baleen.engine.config import EngineConfig
    from baleen.engine.events import EventBus
    from baleen.engine.pulling import Pulling
    from baleen.engine.pushing import Pushing
    from baleen.engine.registry_access import RegistryAccess
    from baleen.engine.tasks import Tasks
    from baleen.images import EventSink, ImageStore
    from baleen.snapshots import Snapshotter
    from baleen.state import Database

__all__ = ["BuildParts", "CacheEntry", "assemble_builds"]

log = logging.getLogger(__name__)

_PARALLEL = 4


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """A record of the cache, or a cache mount, as `/system/df` shows it."""

    record: CacheRecord
    size_bytes: int
    in_use: bool
    shared: bool


class BuildParts:
    """Put together once.

    Args:
        data_root: contexts and caches lie below its `build`.
        exec_root: sockets of agents lie below it.
        on_image: told of new names; any thread.
        run: makes the executor of RUN, given what makes directories of contexts.
        access: the way to registries.
        policies: what of the cache goes by itself; None: the default rules.
    """

    def __init__(
        self,
        data_root: Path,
        database: Database,
        content: ContentStore,
        images: ImageStore,
        pulling: Pulling,
        pushing: Pushing,
        events: EventBus,
        tasks: Tasks,
        *,
        exec_root: Path,
        on_image: EventSink,
        trees: TreeStore,
        caches: CacheMounts,
        run: Callable[[Callable[[LocalDirectory], Awaitable[Path]], Workers], Execs],
        access: RegistryAccess,
        policies: Sequence[PrunePolicy] | None,
    ) -> None:
        self.directory = data_root / "build"
        self.agents_directory = exec_root / "agents"
        self._made = (self.agents_directory, exec_root / "builds", self.directory / "caches")
        self.content = content
        self.images = images
        self.pushing = pushing
        self.events = events
        self.tasks = tasks
        self.trees = trees
        self.on_image = on_image
        self.caches = caches
        self._access = access
        self._pulling = pulling
        self.cache = BuildCache(database, content, time.time_ns)
        self.gc = BuildGc(self.cache, images, data_root, policies, tasks)
        self.workers = Workers(_PARALLEL)
        self.execs = run(self._materialized, self.workers)

    async def _materialized(self, local: LocalDirectory) -> Path:
        return await self.contexts.materialized(local)

    def loaded(self) -> type[BuildRun]:
        """Load all that only a build needs; return what runs one. Any thread."""
        from baleen.engine.build_run import BuildRun

        log.debug("the builder is loaded, with %d kinds of steps", len(self.solver.executors))
        return BuildRun

    @cached_property
    def contexts(self) -> ContextStore:
        """Contexts of the builds that run."""
        from baleen.build.contexts.store import ContextStore

        return ContextStore(self.directory / "contexts", self.workers)

    @cached_property
    def resolver(self) -> BuildImages:
        """Base images."""
        from baleen.engine.build_images import BuildImages

        return BuildImages(self.images, self._pulling, self.tasks)

    @cached_property
    def elsewhere(self) -> BuildCaches:
        """Caches in registries and directories."""
        from baleen.engine.build_cache import BuildCaches

        return BuildCaches(self.images, self.content, self._access, self.tasks)

    @cached_property
    def solver(self) -> Solver:
        """The one of all builds, so that they share work."""
        from baleen.build.files.contents import ContentDigests
        from baleen.build.files.file_ops import FileOps
        from baleen.build.files.merging import Merges
        from baleen.build.files.sources import GitFetch, HttpFetch
        from baleen.build.graph import Exec, FileOp, GitSource, HttpSource, Merge
        from baleen.build.solver.solver import Solver

        content, place = self.content, self.contexts.directory
        return Solver(
            {
                FileOp: FileOps(self.trees, content, place, self.workers),
                Merge: Merges(),
                GitSource: GitFetch(content, place, self.workers),
                HttpSource: HttpFetch(content, place, self.workers),
                Exec: self.execs,
            },
            self.resolver,
            ContentDigests(self.trees, self.workers),
            self.cache,
            parallel=_PARALLEL,
        )

    def start(self) -> None:
        """Read the cache, and remove what a crash left of builds. Blocks.

        To be called before the image store starts, which collects garbage.
        """
        self.execs.start()
        for directory in self._made:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.cache.start()
        self.images.keep(self.cache)
        contexts = self.directory / "contexts"
        contexts.mkdir(mode=0o700, exist_ok=True)
        if any(contexts.iterdir()):
            self.contexts.sweep()

    def close(self) -> None:
        """Let go of the threads. Blocks."""
        self.workers.close()

    async def entries(self) -> list[CacheEntry]:
        """Return the records of the cache, the oldest first."""
        return await self.tasks.blocking(self._entries)

    def _entries(self) -> list[CacheEntry]:
        records: Sequence[CacheRecord] = sorted(self.cache.records(), key=lambda r: r.created_ns)
        held = self.images.blobs()
        found = [
            CacheEntry(
                record,
                record.size_bytes,
                in_use=self.cache.is_in_use(record.id),
                shared=any(digest in held for digest in record.own_layers),
            )
            for record in records
        ]
        found += [
            CacheEntry(_mount_record(usage), usage.size_bytes, in_use=usage.in_use, shared=False)
            for usage in self.caches.usage()
        ]
        return found

    async def prune(self, wanted: CachePrune) -> tuple[list[str], int]:
        """Remove records and cache mounts; return their ids, and the bytes that became free."""
        policy, now = self._policy(wanted), time.time_ns()
        ids, freed = await self.tasks.blocking(self._prune, policy, now)

        def goes(usage: Usage) -> bool:
            return bool(
                select(
                    [_mount_record(usage)],
                    policy,
                    now_ns=now,
                    in_use=lambda _: usage.in_use,
                    is_shared=lambda _: False,
                )
            )

        for usage in await self.caches.prune(goes):
            ids.append(_mount_record(usage).id)
            freed += usage.size_bytes
        return ids, freed

    def _policy(self, wanted: CachePrune) -> PrunePolicy:
        filters, unused_ns = parse_filters(wanted.filters)
        now = time.time_ns()
        if wanted.until_ns is not None:
            unused_ns = max(now - wanted.until_ns, 1)
        return PrunePolicy(
            all=wanted.everything,
            unused_ns=unused_ns,
            filters=filters,
            max_used_bytes=wanted.max_used_bytes,
            reserved_bytes=wanted.keep_bytes,
            min_free_bytes=wanted.min_free_bytes,
        )

    def _prune(self, policy: PrunePolicy, now: int) -> tuple[list[str], int]:
        held = self.images.blobs()
        done = prune(
            self.cache,
            policy,
            now_ns=now,
            is_shared=held.__contains__,
            free_bytes=shutil.disk_usage(self.directory.parent).free,
        )
        self.images.collect_garbage()
        return list(done.ids), done.bytes


def _mount_record(usage: Usage) -> CacheRecord:
    """Return what stands for a cache mount in lists and rules."""
    return CacheRecord(
        id=usage.name[:25],
        keys=[],
        type="exec.cachemount",
        description=f"cached mount {usage.id}",
        outputs=[],
        created_ns=usage.created_ns,
        last_used_ns=usage.last_used_ns,
        uses=usage.uses,
    )


def assemble_builds(
    config: EngineConfig,
    database: Database,
    content: ContentStore,
    snapshots: Snapshotter,
    images: ImageStore,
    pulling: Pulling,
    pushing: Pushing,
    events: EventBus,
    tasks: Tasks,
    on_image: EventSink,
    processes: Processes,
    access: RegistryAccess,
) -> BuildParts:
    """Put the builder of an engine together."""
    remapping = config.remapping
    trees = TreeStore(content, snapshots, images.unpacking)
    caches = CacheMounts(
        config.data_root / "build" / "caches", None if remapping is None else remapping.to_host
    )

    def execs(materialize: Callable[[LocalDirectory], Awaitable[Path]], workers: Workers) -> Execs:
        return Execs(
            trees,
            processes,
            caches,
            config.exec_root / "builds",
            workers,
            materialize=materialize,
            user_namespace=-1 if remapping is None else remapping.user_namespace,
        )

    return BuildParts(
        config.data_root,
        database,
        content,
        images,
        pulling,
        pushing,
        events,
        tasks,
        exec_root=config.exec_root,
        on_image=on_image,
        trees=trees,
        caches=caches,
        access=access,
        policies=config.build_gc,
        run=execs,
    )
