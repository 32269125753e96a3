"""What a new daemon does with what the last one left: find, adopt, complete, clean.

For every container that the database says is active:

    its supervisor listens on control.sock   → adopt it: the container never noticed
    exit.json is there                       → it ended in between: note the true exit
    neither                                  → the supervisor was killed, or the host rebooted:
                                               end what is left, exit code 137

A run that its record does not know of (the daemon was killed during the start) is ended. Then
removals that were begun are completed, `--rm` is honoured, directories and snapshots that no
record knows are removed, and containers whose restart policy says so are started (after a reboot).
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from baleen.containers.state import Status
from baleen.engine.container_networks import shared_with
from baleen.engine.removing import remove_orphans
from baleen.engine.starter import read_ending
from baleen.engine.supervisor_link import SupervisorLink
from baleen.errors import BaleenError, NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from baleen.containers import ContainerStore
    from baleen.containers.record import ContainerRecord
    from baleen.engine.config import EngineConfig
    from baleen.engine.lifecycle import Lifecycle
    from baleen.engine.live import LiveContainers
    from baleen.engine.removing import Removing
    from baleen.engine.starter import Starter
    from baleen.engine.supervisor_link import Message
    from baleen.engine.tasks import Tasks
    from baleen.network import NetworkManager
    from baleen.network.network import Endpoint, PublishedPort
    from baleen.snapshots import Snapshotter

__all__ = ["Restoring"]

log = logging.getLogger(__name__)

_OWNERS_S = 30


class Restoring:
    """Brings records and kernel together once, at the daemon's start."""

    def __init__(
        self,
        config: EngineConfig,
        store: ContainerStore,
        lives: LiveContainers,
        lifecycle: Lifecycle,
        starter: Starter,
        removing: Removing,
        networks: NetworkManager,
        snapshots: Snapshotter,
        tasks: Tasks,
    ) -> None:
        self._config = config
        self._store = store
        self._lives = lives
        self._lifecycle = lifecycle
        self._starter = starter
        self._removing = removing
        self._networks = networks
        self._snapshots = snapshots
        self._tasks = tasks

    async def run(self) -> None:
        """Restore everything; afterwards the API may be served."""
        active = [record for record in self._store if record.status.is_active]
        orphaned = [record for record in active if not self._adopt(record)]
        await self._networks.adopt(
            [
                (endpoint, ports)
                for record in active
                for endpoint, ports in endpoints_with_ports(record, self._networks)
            ]
        )
        for record in orphaned:
            await self._note_end(record)
        if orphaned:
            self._lifecycle.clean_up_beside(orphaned)
        for record in self._store:
            live = self._lives[record.id]
            if live.link is not None:
                await self._ask_state(record)
        await self._tasks.blocking(self._end_unrecorded)
        await self._tasks.blocking(self._starter.remove_left_groups, list(self._store))
        await self._complete_removals()
        await self._remove_orphans()
        await self._removing.remove_unclaimed_volumes()
        self._start_by_policy({record.id for record in orphaned})

    def _end_unrecorded(self) -> None:
        """End starts that the last daemon did not live to note; their client got no answer."""
        for record in list(self._store):
            if record.status.is_active or not self._bundle(record.id).exists():
                continue
            if self._starter.end_unrecorded(record):
                log.warning("container %s was about to run, ended it", record.id)

    def _start_by_policy(self, ended: set[str]) -> None:
        """Start what the policy wants, whoever shares a namespace after its owner."""
        records = [
            record for record in self._store if _restarts(record, was_active=record.id in ended)
        ]
        done = {record.id: asyncio.Event() for record in records}
        for record in records:
            owners = [done[owner] for owner in self._owners(record) if owner in done]
            self._tasks.start(self._start(record.id, owners, done), f"start {record.id[:12]}")

    def _owners(self, record: ContainerRecord) -> set[str]:
        host = record.host_config
        owners = set()
        for mode in (host.network_mode, host.ipc_mode, host.pid_mode):
            reference = shared_with(mode)
            if reference is not None:
                with suppress(BaleenError):  # gone; its start will say so
                    owners.add(self._store.get(reference).id)
        return owners - {record.id}

    def _adopt(self, record: ContainerRecord) -> bool:
        path = self._bundle(record.id) / "control.sock"
        try:
            self._lifecycle.adopt(
                record, lambda on_event, on_lost: SupervisorLink.connect(path, on_event, on_lost)
            )
        except NotFound:
            return False
        log.info("container %s runs on with its supervisor", record.id)
        return True

    async def _ask_state(self, record: ContainerRecord) -> None:
        """Learn what changed while no daemon listened: restarts by policy, running execs."""
        link = self._lives[record.id].link
        if link is None:
            return
        try:
            state: Message = await link.send("state")
        except BaleenError as err:
            log.warning("supervisor of %s did not answer: %s", record.id, err)
            return
        current = self._store.by_id(record.id)
        if current is None or not current.status.is_active:
            return
        status = Status(str(state["status"]))
        if current.status is Status.PAUSED and status is Status.RUNNING:
            status = Status.PAUSED  # pausing is the cgroup's business, the supervisor knows not
        self._store.move(
            record.id,
            status,
            pid=int(state["pid"]),
            started_at=str(state["started_at"]) or current.started_at,
            restart_count=int(state["restart_count"]),
        )

    async def _note_end(self, record: ContainerRecord) -> None:
        ending = read_ending(record)
        if ending is None:
            await self._lifecycle.supervisor_lost(record)
        else:
            log.info("container %s ended with code %d meanwhile", record.id, ending.exit_code)
            await self._lifecycle.exited(record.id, ending)

    async def _complete_removals(self) -> None:
        for record in list(self._store):
            if record.status is not Status.REMOVING:
                continue
            self._store.move(record.id, Status.DEAD)
            try:
                # What `rm` was asked about volumes is not known any more; `--rm` says it.
                with_volumes = record.host_config.auto_remove
                await self._removing.remove_stopped(record.id, volumes=with_volumes)
            except BaleenError as err:
                log.error("cannot complete the removal of container %s: %s", record.id, err)

    async def _remove_orphans(self) -> None:
        known = {record.id for record in self._store}

        def work() -> None:
            remove_orphans(self._config.data_root / "containers", known)
            active = {record.id for record in self._store if record.status.is_active}
            remove_orphans(self._config.exec_root / "containers", active)
            for key in list(self._snapshots.keys()):
                if key not in known:
                    self._snapshots.remove(key)

        await self._tasks.blocking(work)

    async def _start(
        self, container_id: str, owners: list[asyncio.Event], done: dict[str, asyncio.Event]
    ) -> None:
        try:
            # Bounded: names can change, so that two containers wait for each other.
            with suppress(TimeoutError):
                async with asyncio.timeout(_OWNERS_S):
                    for owner in owners:
                        await owner.wait()
            await self._lifecycle.start(container_id)
        except BaleenError as err:
            log.error("cannot start container %s: %s", container_id, err)
        finally:
            done[container_id].set()

    def _bundle(self, container_id: str) -> Path:
        return self._config.exec_root / "containers" / container_id


def endpoints_with_ports(
    record: ContainerRecord, networks: NetworkManager
) -> list[tuple[Endpoint, Sequence[PublishedPort]]]:
    """Return the endpoints of a run; the one that gives the default route has the ports."""
    gateway = networks.gateway_endpoint(record.active_endpoints)
    return [
        (endpoint, record.published if endpoint is gateway else ())
        for endpoint in record.active_endpoints
    ]


def _restarts(record: ContainerRecord, *, was_active: bool) -> bool:
    """Whether the policy wants the container running although nobody keeps it running."""
    if record.status is not Status.EXITED:
        return False
    match record.host_config.restart_policy.name:
        case "always":
            return True
        case "unless-stopped":
            return not record.manually_stopped
        case "on-failure":
            return was_active and record.exit_code != 0
        case _:
            return False
