"""What goes of the build cache by itself: every ten minutes, by the rules of the settings.

See: `build.solver.prune`; dockerd reference, `builder.gc`.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from typing import TYPE_CHECKING

from baleen.build.solver.prune import default_policies, prune

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from baleen.build.solver.cache import BuildCache
    from baleen.build.solver.prune import PrunePolicy
    from baleen.engine.tasks import Tasks
    from baleen.images import ImageStore

__all__ = ["BuildGc"]

log = logging.getLogger(__name__)
_EVERY_S = 600


class BuildGc:
    """Runs the rules.

    Args:
        data_root: of whose disk the sizes are.
        policies: in their order; None: the default ones.
    """

    def __init__(
        self,
        cache: BuildCache,
        images: ImageStore,
        data_root: Path,
        policies: Sequence[PrunePolicy] | None,
        tasks: Tasks,
    ) -> None:
        self._cache = cache
        self._images = images
        self._data_root = data_root
        self._policies = policies
        self._tasks = tasks

    def start(self) -> None:
        """Begin to look regularly."""
        self._tasks.start(self._watch(), "build cache garbage collection")

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_EVERY_S)
            if self._cache.records():
                await self._tasks.blocking(self.run)

    def run(self) -> int:
        """Remove what the rules say; return the bytes freed. Blocks."""
        disk = shutil.disk_usage(self._data_root)
        policies = default_policies(disk.total) if self._policies is None else self._policies
        held = self._images.blobs()
        freed = 0
        for policy in policies:
            done = prune(
                self._cache,
                policy,
                now_ns=time.time_ns(),
                is_shared=held.__contains__,
                free_bytes=disk.free + freed,
            )
            freed += done.bytes
            if done.ids:
                log.info("%d build results were removed, %d bytes", len(done.ids), done.bytes)
        if freed:
            self._images.collect_garbage()
        return freed
