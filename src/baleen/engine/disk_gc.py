"""Automatic garbage collection of the disk by one policy, and its dry run.

Off unless the daemon's settings say otherwise. Every ten minutes the policy is looked at; images
that containers were made from never go. See docs/images.md, "When the disk gets full".
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from typing import TYPE_CHECKING, Any

from baleen.images import ImageUser

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from baleen.containers import ContainerStore
    from baleen.engine.tasks import Tasks
    from baleen.images import ImageStore
    from baleen.images.disk_policy import Policy

__all__ = ["DiskGc"]

log = logging.getLogger(__name__)
_EVERY_S = 600


class DiskGc:
    """Runs the policy, by itself and when asked."""

    def __init__(
        self,
        data_root: Path,
        policy: Callable[[], Policy],
        images: ImageStore,
        store: ContainerStore,
        tasks: Tasks,
    ) -> None:
        self._data_root = data_root
        self._policy = policy
        self._images = images
        self._store = store
        self._tasks = tasks

    def start(self) -> None:
        """Begin to look regularly."""
        self._tasks.start(self._watch(), "disk garbage collection")

    async def _watch(self) -> None:
        while True:
            for record in self._store:
                self._images.usage_times.touch(record.image_id)
            if self._policy().is_on:
                done = await self.run()
                if done["Removed"]:
                    log.info(
                        "the disk policy removed %d images, %d bytes: %s",
                        len(done["Removed"]),
                        done["SpaceReclaimed"],
                        done["Why"],
                    )
            await asyncio.sleep(_EVERY_S)

    async def run(self, policy: Policy | None = None, *, dry_run: bool = False) -> dict[str, Any]:
        """Remove what the policy (None: the daemon's) says; returns the plan with its reasons.

        With `dry_run` nothing changes. `Removed` names what is gone then, `SpaceReclaimed` what
        that freed.
        """
        users: dict[str, list[ImageUser]] = {}
        for record in self._store:
            user = ImageUser(container_id=record.id, running=record.status.is_active)
            users.setdefault(record.image_id, []).append(user)
        return await self._tasks.blocking(self._run, policy or self._policy(), dry_run, users)

    def _run(
        self, policy: Policy, dry_run: bool, users: dict[str, list[ImageUser]]
    ) -> dict[str, Any]:
        found = os.statvfs(self._data_root)
        free, size = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
        now_ns = time.time_ns()
        plan = self._images.disk_plan(
            policy,
            free_bytes=free,
            size_bytes=size,
            now_ns=now_ns,
            users={image_id: len(found) for image_id, found in users.items()},
        )
        removed, reclaimed = [], 0
        if not dry_run and plan.remove:

            def in_use(image_id: str) -> list[ImageUser]:
                # A container may be on its way since the plan was made.
                if self._images.usage_times.get(image_id) >= now_ns:
                    return [ImageUser(container_id="", running=False)]
                return users.get(image_id, [])

            records, reclaimed = self._images.remove_unused(
                [verdict.image_id for verdict in plan.remove], in_use
            )
            removed = [record["Deleted"] for record in records if "Deleted" in record]
            for verdict in plan.remove:
                if str(verdict.image_id) in removed:
                    name = verdict.names[0] if verdict.names else verdict.image_id
                    log.info("image removed by the disk policy: %s: %s", name, verdict.why)
        return {
            "Version": 1,
            "Policy": {
                "KeepFree": policy.goal(size) or 0,
                "UnusedFor": policy.unused_for_s,
            },
            "DataRoot": str(self._data_root),
            "Free": free,
            "Size": size,
            "Why": plan.why,
            "Remove": [verdict.view() for verdict in plan.remove],
            "Keep": [verdict.view() for verdict in plan.keep],
            "Frees": plan.freed_bytes,
            "DryRun": dry_run,
            "Removed": removed,
            "SpaceReclaimed": reclaimed,
        }
