"""Changing a container's limits and restart policy, at once if it runs.

See: Engine API, /containers/{id}/update.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import msgspec

from baleen.api import Resources
from baleen.engine.ended import unless_ended
from baleen.engine.host_checks import check_restart_policy
from baleen.engine.oci_resources import resources
from baleen.engine.resource_checks import check_resources, host_resources
from baleen.engine.unsupported_limits import discard_unsupported
from baleen.errors import Conflict, InvalidArgument, Unavailable

if TYPE_CHECKING:
    from baleen.api import ContainerUpdateBody, HostConfig
    from baleen.containers import ContainerStore
    from baleen.containers.record import ContainerRecord
    from baleen.engine.events import EventBus
    from baleen.engine.live import LiveContainer, LiveContainers
    from baleen.engine.starter import Starter
    from baleen.engine.tasks import Tasks
    from baleen.linux.cgroup import CgroupDriver

__all__ = ["Updating"]


class Updating:
    """Applies /update requests."""

    def __init__(
        self,
        store: ContainerStore,
        lives: LiveContainers,
        starter: Starter,
        events: EventBus,
        cgroups: CgroupDriver,
        tasks: Tasks,
    ) -> None:
        self._store = store
        self._lives = lives
        self._starter = starter
        self._events = events
        self._cgroups = cgroups
        self._tasks = tasks
        self._resources = host_resources()

    async def update(self, ref: str, body: ContainerUpdateBody) -> list[str]:
        """Change what the body names; returns warnings.

        Raises:
            NotFound: no such container.
            InvalidArgument: a malformed or contradictory value; nothing was changed.
        """
        record = self._store.get(ref)
        live = self._lives[record.id]
        async with live.lock:
            record = self._store.get(record.id)
            host = self._changed(record.host_config, body)
            host, warnings = discard_unsupported(host, self._cgroups)
            warnings += check_resources(host, self._resources)
            check_restart_policy(host.restart_policy)
            if host.auto_remove and host.restart_policy.name not in ("", "no"):
                raise InvalidArgument(
                    "Restart policy cannot be updated because AutoRemove is enabled for the "
                    "container"
                )
            # What has ended meanwhile takes the new values at its next start.
            with contextlib.suppress(Conflict):
                await self._apply(record, live, host)
            record = self._store.update(record.id, host_config=host)
        self._events.publish_with(
            "container",
            "update",
            record.id,
            {**record.config.labels, "image": record.config.image, "name": record.name},
        )
        return warnings

    async def _apply(self, record: ContainerRecord, live: LiveContainer, host: HostConfig) -> None:
        """Have the values hold in the running container (Conflict: it has ended)."""
        if record.is_running:
            group, limits = self._starter.cgroup_of(record), resources(host)
            with unless_ended(record):
                await self._tasks.blocking(group.update, limits)  # systemd may take its time
        if live.link is not None and record.status.is_active:
            policy = host.restart_policy
            restart = {
                "policy": policy.name or "no",
                "maximum_retries": policy.maximum_retry_count,
            }
            try:
                await live.link.send("set-restart", restart=restart)
            except Unavailable as err:
                raise Conflict(f"container {record.id} is not running") from err

    @staticmethod
    def _changed(host: HostConfig, body: ContainerUpdateBody) -> HostConfig:
        """Return the host config with the body's non-zero values in place."""
        changes: dict[str, Any] = {}
        for name in Resources.__struct_fields__:
            value = getattr(body, name)
            if value not in (None, 0, "", [], False):
                changes[name] = value
        if body.restart_policy.name:
            changes["restart_policy"] = body.restart_policy
        return msgspec.structs.replace(host, **changes)
