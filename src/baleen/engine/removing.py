"""The end of a container: remove one, prune the stopped ones, rename.

See: Engine API, DELETE /containers/{id}, /containers/prune, /containers/{id}/rename.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from baleen.api import ContainersPruneResponse
from baleen.containers.names import parse_name
from baleen.containers.state import Status
from baleen.engine.prune_filters import check_prune_filters, is_prunable
from baleen.errors import BaleenError, Conflict, InvalidArgument, NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from baleen.containers import ContainerStore, ExecStore
    from baleen.containers.record import ContainerRecord
    from baleen.engine.events import EventBus
    from baleen.engine.lifecycle import Lifecycle
    from baleen.engine.live import LiveContainers
    from baleen.engine.tasks import Tasks
    from baleen.network import NetworkManager
    from baleen.snapshots import Snapshotter
    from baleen.volumes import VolumeStore

__all__ = ["Removing"]

log = logging.getLogger(__name__)

_AUTO_REMOVE_S = 10


class Removing:
    """Removes containers with all that is theirs."""

    def __init__(
        self,
        store: ContainerStore,
        execs: ExecStore,
        lives: LiveContainers,
        lifecycle: Lifecycle,
        snapshots: Snapshotter,
        volumes: VolumeStore,
        networks: NetworkManager,
        events: EventBus,
        tasks: Tasks,
    ) -> None:
        self._store = store
        self._execs = execs
        self._lives = lives
        self._lifecycle = lifecycle
        self._snapshots = snapshots
        self._volumes = volumes
        self._networks = networks
        self._events = events
        self._tasks = tasks

    async def remove(self, ref: str, *, force: bool, volumes: bool, link: bool) -> None:
        """Remove a container; success means that it is gone.

        Args:
            ref: the container.
            force: kill it first if it runs.
            volumes: remove its anonymous volumes too.
            link: remove a legacy link instead.

        Raises:
            NotFound: no such container.
            Conflict: it runs and `force` is not given; it is being removed already.
        """
        if link:
            raise NotFound(f"Cannot get parent of link {ref}: links are not kept as objects")
        record = self._store.get(ref)
        if record.status.is_active:
            if not force:
                raise _running(record)
            gone = self._lives[record.id].when_removed()
            await self._lifecycle.end(record.id)
            if record.host_config.auto_remove:
                # Its end removes it, and two removals would meet; unless that one failed.
                with suppress(TimeoutError):
                    async with asyncio.timeout(_AUTO_REMOVE_S):
                        await gone
                        return
        await self.remove_stopped(record.id, volumes=volumes)

    async def remove_stopped(self, container_id: str, *, volumes: bool) -> None:
        """Remove a container that does not run (see `remove`)."""
        live = self._lives[container_id]
        async with live.lock:
            record = self._store.by_id(container_id)
            if record is None:
                raise NotFound(f"No such container: {container_id}")
            if record.status.is_active:
                raise _running(record)
            self._store.move(container_id, Status.REMOVING)
            try:
                await self._remove_files(record)
            except BaleenError as err:
                self._store.move(container_id, Status.DEAD, error=str(err))
                raise
            if not volumes:
                for mount in record.mounts:
                    if mount.type == "volume":
                        self._volumes.outlive(mount.name)
            self._store.remove(container_id)
            self._execs.forget(container_id)
        for mount in record.mounts:
            if mount.type == "volume" and mount.name:
                self._volumes.unuse(mount.name, container_id)
        self._events.publish_with(
            "container",
            "destroy",
            container_id,
            {**record.config.labels, "image": record.config.image, "name": record.name},
        )
        live.removed()
        self._lives.forget(container_id)
        if volumes:
            await self._remove_anonymous(record)

    async def _remove_files(self, record: ContainerRecord) -> None:
        def work() -> None:
            self._snapshots.remove(record.id)
            shutil.rmtree(record.state_dir, ignore_errors=True)

        await self._tasks.blocking(work)

    async def _remove_anonymous(self, record: ContainerRecord) -> None:
        for mount in record.mounts:
            if mount.type != "volume" or not self._volumes.is_anonymous(mount.name):
                continue
            try:
                await self._tasks.blocking(self._volumes.remove, mount.name)
            except BaleenError as err:
                log.debug("anonymous volume %s stays: %s", mount.name, err)
                continue
            self._events.publish_with("volume", "destroy", mount.name, {"driver": "local"})

    async def remove_unclaimed_volumes(self) -> None:
        """Remove anonymous volumes whose container was never recorded, or is gone with them."""
        for name in self._volumes.unclaimed({record.id for record in self._store}):
            try:
                await self._tasks.blocking(self._volumes.remove, name)
            except BaleenError as err:
                log.debug("volume %s stays: %s", name, err)

    async def auto_remove(self, container_id: str) -> None:
        """Take away a `--rm` container that ended, with its anonymous volumes."""
        await self.remove_stopped(container_id, volumes=True)

    async def rename(self, ref: str, name: str) -> None:
        """Give a container another name, also to those who look it up on its networks.

        Raises:
            NotFound, InvalidArgument: no such container, a malformed name.
            AlreadyExists: the name is taken.
        """
        record = self._store.get(ref)
        if not name:
            raise InvalidArgument("Neither old nor new names may be empty")
        new = parse_name(name)
        if new == record.name:
            raise InvalidArgument("Renaming a container with the same name as its current name")
        live = self._lives[record.id]
        async with live.lock:
            old = record.name
            record = self._store.rename(record.id, new)
            changed = {e.id: e for e in await self._networks.rename(record.id, new)}
            if changed:
                active = [changed.get(e.id, e) for e in record.active_endpoints]
                record = self._store.update(record.id, active_endpoints=active)
        self._events.publish_with(
            "container",
            "rename",
            record.id,
            {
                **record.config.labels,
                "image": record.config.image,
                "name": record.name,
                "oldName": f"/{old}",
            },
        )

    async def prune(self, filters: Mapping[str, Sequence[str]]) -> ContainersPruneResponse:
        """Remove every container that does not run and passes the filters."""
        check_prune_filters(filters)
        removed, freed = [], 0
        for record in list(self._store):
            if record.status.is_active or not is_prunable(
                record.config.labels, record.created, filters
            ):
                continue
            try:
                usage = await self._tasks.blocking(self._snapshots.usage, record.id)
                await self.remove_stopped(record.id, volumes=False)
            except BaleenError as err:
                log.warning("cannot prune container %s: %s", record.id, err)
                continue
            removed.append(record.id)
            freed += usage.size_bytes
        return ContainersPruneResponse(containers_deleted=removed, space_reclaimed=freed)


def _running(record: ContainerRecord) -> Conflict:
    state = "paused" if record.status is Status.PAUSED else str(record.status)
    return Conflict(
        f'cannot remove container "{record.name}": container is {state}: '
        "stop the container before removing or force remove"
    )


def remove_orphans(directory: Path, known: set[str]) -> None:
    """Remove container directories that no record knows (left by a crash)."""
    if not directory.is_dir():
        return
    for entry in directory.iterdir():
        if entry.name not in known:
            shutil.rmtree(entry, ignore_errors=True)
