"""What takes the disk: `docker system df`.

See: Engine API, /system/df.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from baleen.api.wire import to_wire
from baleen.engine.viewing import container_sizes
from baleen.images import ImageUser

if TYPE_CHECKING:
    from collections.abc import Collection

    from baleen.api.builds import BuildCache
    from baleen.containers import ContainerStore
    from baleen.containers.record import ContainerRecord
    from baleen.engine.building import Building
    from baleen.engine.tasks import Tasks
    from baleen.images import ImageStore
    from baleen.snapshots import Snapshotter
    from baleen.volumes import VolumeStore

__all__ = ["DiskUsage"]


class DiskUsage:
    """Measures images, containers, volumes and the build cache."""

    def __init__(
        self,
        store: ContainerStore,
        images: ImageStore,
        snapshots: Snapshotter,
        volumes: VolumeStore,
        builds: Building,
        tasks: Tasks,
    ) -> None:
        self._store = store
        self._images = images
        self._snapshots = snapshots
        self._volumes = volumes
        self._builds = builds
        self._tasks = tasks

    async def measure(self, types: Collection[str] = ()) -> dict[str, Any]:
        """Return what /system/df is made of; `types` limits it to some kinds of objects.

        `LayersSize` is what all images take, blobs and layers, each counted once;
        `ImagesReclaimable` what of it is of unused images alone.
        """
        records = list(self._store)
        cache: list[BuildCache] = []
        if not types or "build-cache" in types:
            cache = await self._builds.records()
        usage = await self._tasks.blocking(self._measure, records, set(types))
        if not types or "container" in types:
            ids = [record.id for record in records]
            sizes = await self._tasks.blocking(container_sizes, self._snapshots, ids)
            listed = self._store.list_json(all=True, limit=0, filters={}, sizes=sizes)
            usage["Containers"] = msgspec.json.decode(listed)
        return {**usage, "BuildCache": [to_wire(record) for record in cache]}

    def _measure(self, records: list[ContainerRecord], types: set[str]) -> dict[str, Any]:
        usage: dict[str, Any] = {}
        if not types or "image" in types:
            users: dict[str, list[ImageUser]] = {}
            for record in records:
                user = ImageUser(container_id=record.id, running=record.status.is_active)
                users.setdefault(record.image_id, []).append(user)
            usage["Images"] = self._images.summaries(
                shared_size=True, in_use=lambda image_id: users.get(image_id, ())
            )
            usage["LayersSize"], usage["ImagesReclaimable"] = self._images.disk_bytes(users)
        if not types or "volume" in types:
            usage["Volumes"] = [
                to_wire(
                    msgspec.structs.replace(volume, usage_data=self._volumes.usage(volume.name))
                )
                for volume in self._volumes.list({})
            ]
        return usage
