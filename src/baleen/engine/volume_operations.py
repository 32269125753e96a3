"""Volumes as the API's operations.

See: Engine API, /volumes/*.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.api import VolumesPruneResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from baleen.api import Volume, VolumeCreateBody
    from baleen.engine.events import EventBus
    from baleen.engine.tasks import Tasks
    from baleen.volumes import VolumeStore

__all__ = ["VolumeOperations"]


class VolumeOperations:
    """Lists, makes and removes named volumes."""

    def __init__(self, volumes: VolumeStore, events: EventBus, tasks: Tasks) -> None:
        self._volumes = volumes
        self._events = events
        self._tasks = tasks

    def list_all(self, filters: Mapping[str, list[str]]) -> list[Volume]:
        """Return the volumes that pass all filters."""
        return self._volumes.list(filters)

    def inspect(self, name: str) -> Volume:
        """Return one volume (NotFound)."""
        return self._volumes.inspect(name)

    async def create(self, body: VolumeCreateBody) -> Volume:
        """Make a volume, or return the one that is there already."""
        volume, is_new = self._volumes.create(
            body.name, driver=body.driver or "local", options=body.driver_opts, labels=body.labels
        )
        if is_new:
            self._publish(volume.name, "create")
        return volume

    async def remove(self, name: str, *, force: bool) -> None:
        """Remove a volume and its content (Conflict while a container refers to it)."""
        await self._tasks.blocking(self._volumes.remove, name, force=force)
        self._publish(name, "destroy")

    async def prune(self, filters: Mapping[str, list[str]]) -> VolumesPruneResponse:
        """Remove unused anonymous volumes, or all unused ones with the filter `all`."""
        removed, freed = await self._tasks.blocking(self._volumes.prune, filters)
        for name in removed:
            self._publish(name, "destroy")
        return VolumesPruneResponse(volumes_deleted=removed, space_reclaimed=freed)

    def _publish(self, name: str, action: str) -> None:
        self._events.publish_with("volume", action, name, {"driver": "local"})
