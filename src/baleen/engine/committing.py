"""`docker commit`: a container's changes become an image.

See: Engine API, /commit.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from baleen.archive import pack_changes
from baleen.containers.state import Status
from baleen.engine.image_config import merge_image_config
from baleen.errors import BaleenError, Conflict, FailedPrecondition
from baleen.images import CommitRequest
from baleen.images.changes import apply_changes
from baleen.linux.fd import Fd
from baleen.oci.image import ExecutionConfig, HealthConfig

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from baleen.api import ContainerConfig
    from baleen.containers import ContainerStore
    from baleen.containers.record import ContainerRecord
    from baleen.engine.config import EngineConfig
    from baleen.engine.events import EventBus
    from baleen.engine.lifecycle import Lifecycle
    from baleen.engine.tasks import Tasks
    from baleen.images import ImageStore
    from baleen.snapshots import Snapshotter

__all__ = ["Committing", "execution_config"]


class Committing:
    """Makes images out of containers."""

    def __init__(
        self,
        config: EngineConfig,
        store: ContainerStore,
        lifecycle: Lifecycle,
        snapshots: Snapshotter,
        images: ImageStore,
        events: EventBus,
        tasks: Tasks,
    ) -> None:
        self._config = config
        self._store = store
        self._lifecycle = lifecycle
        self._snapshots = snapshots
        self._images = images
        self._events = events
        self._tasks = tasks

    async def commit(
        self,
        ref: str,
        config: ContainerConfig,
        *,
        repo: str,
        tag: str,
        comment: str,
        author: str,
        changes: Sequence[str],
        pause: bool,
    ) -> str:
        """Make an image of the container and return its id.

        The image's parameters are the container's, with those of `config` and the instructions
        `changes` over them. With `pause` a running container stands still meanwhile; it goes on in
        any case.

        Raises:
            NotFound: no such container, or its image is gone.
            Conflict: it is being removed.
            InvalidArgument: malformed name or instruction.
        """
        record = self._store.get(ref)
        if record.status in (Status.REMOVING, Status.DEAD):
            raise Conflict(
                f"You cannot commit container {record.id} which is {record.status.capitalize()}"
            )
        execution = _changed(merge_image_config(config, execution_config(record.config)), changes)
        request = CommitRequest(
            execution=execution,
            command=" ".join([record.path, *record.args]),
            author=author,
            comment=comment,
        )
        paused = pause and record.status is Status.RUNNING
        if paused:
            await self._lifecycle.pause(record.id)
        try:
            image_id = await self._tasks.blocking(self._commit, record, request, repo, tag)
        finally:
            if paused:
                await self._go_on(record.id)
        attributes = {
            **record.config.labels,
            "comment": comment,
            "image": record.config.image,
            "imageID": image_id,
            "imageRef": f"{repo}:{tag or 'latest'}" if repo else "",
            "name": record.name,
        }
        self._events.publish_with("container", "commit", record.id, attributes)
        return image_id

    async def _go_on(self, container_id: str) -> None:
        try:
            await self._lifecycle.unpause(container_id)
        except BaleenError:
            # It was killed, unpaused or removed by somebody else: it does not stand still.
            return

    def _commit(self, record: ContainerRecord, request: CommitRequest, repo: str, tag: str) -> str:
        upper = self._snapshots.mounts(record.id).upper
        if upper is None or not self._snapshots.independent:
            raise FailedPrecondition(
                f"the storage driver {self._snapshots.driver} can not tell a container's changes"
            )
        return str(
            self._images.commit(
                record.image_id,
                record.chain_id,
                self._packed(record, upper),
                request,
                repo=repo,
                tag=tag,
            )
        )

    def _packed(self, record: ContainerRecord, upper: str) -> Iterator[bytes]:
        remapping = self._config.remapping_of(record.host_config)
        return pack_changes(
            Fd(os.open(upper, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)),
            owners=None if remapping is None else remapping.to_container,
        )


def _changed(config: ContainerConfig, changes: Sequence[str]) -> ExecutionConfig:
    execution = execution_config(config)
    words = {change.split(maxsplit=1)[0].upper() for change in changes if change.strip()}
    if "ENTRYPOINT" in words and "CMD" not in words:
        # The command was meant for the entrypoint before.
        execution = msgspec.structs.replace(execution, cmd=None)
    return apply_changes(execution, changes)


def execution_config(config: ContainerConfig) -> ExecutionConfig:
    """Return what of a container's configuration an image can hold."""
    health = config.healthcheck
    return ExecutionConfig(
        user=config.user or None,
        exposed_ports={port: {} for port in config.exposed_ports} or None,
        env=list(config.env) or None,
        entrypoint=config.entrypoint or None,
        cmd=config.cmd or None,
        healthcheck=None
        if health is None
        else HealthConfig(
            test=health.test or None,
            interval=health.interval or 0,
            timeout=health.timeout or 0,
            start_period=health.start_period or 0,
            start_interval=health.start_interval or 0,
            retries=health.retries or 0,
        ),
        volumes={target: {} for target in config.volumes} or None,
        working_dir=config.working_dir or None,
        on_build=list(config.on_build) or None,
        labels=dict(config.labels) or None,
        stop_signal=config.stop_signal or None,
        shell=list(config.shell) or None,
    )
