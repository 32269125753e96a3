"""One start of a container: everything that the daemon prepares, and the way to the supervisor.

The sequence, each step with its undo pushed before the next:

    networks     addresses, host ports, firewall elements          (`container_networks`)
    files        hosts, hostname, resolv.conf; config.json and start.json   (`bundles`)
    supervisor   forked by the zygote, gets its control socket and the ports' sockets
    attach       clients that came before the start
    start        the supervisor answers when execve(2) has succeeded
"""

from __future__ import annotations

import json
import logging
import os
import socket
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from baleen.containers.times import now_text
from baleen.engine.attaching import send_attach
from baleen.engine.ended import unless_ended
from baleen.engine.supervisor_link import SupervisorLink, end_supervisor
from baleen.errors import BaleenError, Internal, StartFailed
from baleen.runtime.warm_groups import remove_left_groups

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from baleen.containers.record import ContainerRecord
    from baleen.engine.bundles import Bundles
    from baleen.engine.container_networks import ContainerNetworks
    from baleen.engine.live import LiveContainer
    from baleen.engine.supervisor_link import Message
    from baleen.linux.cgroup import Cgroup, CgroupDriver

__all__ = ["Ending", "Spawner", "Started", "Starter"]

log = logging.getLogger(__name__)


class Spawner(Protocol):
    """The zygote, seen from the engine."""

    def spawn(self, request: str, fds: Sequence[int]) -> None:
        """Let it fork a supervisor for the start.json at `request`; `fds` stay the caller's.

        Raises:
            Unavailable: there is no zygote just now.
        """
        ...


@dataclass(frozen=True, slots=True)
class Ending:
    """How a container ended whose supervisor could not tell."""

    exit_code: int
    oom_killed: bool
    finished_at: str


@dataclass(slots=True)
class Started:
    """A start that succeeded. Events of the new run wait for `release_events`."""

    pid: int
    started_at: str
    changes: dict[str, Any]
    _held: _HeldEvents

    def release_events(self) -> None:
        """Deliver what the supervisor said since the start, in order, and all that follows."""
        self._held.release()


@dataclass(slots=True)
class _HeldEvents:
    """Keeps events back until the start is noted: a short process ends before that."""

    on_event: Callable[[Message], None]
    on_lost: Callable[[], None]
    _waiting: list[Message] | None = field(default_factory=list)
    _lost: bool = False

    def event(self, message: Message) -> None:
        if self._waiting is None:
            self.on_event(message)
        else:
            self._waiting.append(message)

    def lost(self) -> None:
        if self._waiting is None:
            self.on_lost()
        else:
            self._lost = True

    def release(self) -> None:
        waiting, self._waiting = self._waiting or [], None
        for message in waiting:
            self.on_event(message)
        if self._lost:
            self.on_lost()

    def drop(self) -> None:
        self._waiting = None
        self.on_event = lambda _message: None
        self.on_lost = lambda: None


class Starter:
    """Starts containers, and cleans up behind those whose supervisor is gone."""

    def __init__(
        self,
        spawner: Spawner,
        bundles: Bundles,
        networks: ContainerNetworks,
        cgroups: CgroupDriver,
    ) -> None:
        self._spawner = spawner
        self._bundles = bundles
        self._networks = networks
        self._cgroups = cgroups

    async def start(
        self,
        record: ContainerRecord,
        live: LiveContainer,
        on_event: Callable[[Message], None],
        on_lost: Callable[[], None],
        checkpoint: str | None = None,
    ) -> Started:
        """Start the container's process, or restore it; on failure everything is given back.

        Raises:
            StartFailed: the command cannot be executed, or the kernel refused its isolation.
            BaleenError: a port is taken, a volume cannot be mounted, no address is left, …
        """
        held = _HeldEvents(on_event, on_lost)
        async with AsyncExitStack() as undo:
            sandbox = await self._networks.prepare(record, undo)
            request = await self._bundles.write(record, sandbox, undo, checkpoint)
            link = self._spawn(request, [sock.fileno() for sock in sandbox.sockets], held)
            undo.callback(_give_up, live, link, held)
            live.link = link
            for attach in live.pending:
                send_attach(link, attach)
            live.drop_pending()
            try:
                reply = await link.send("start")
            except StartFailed:
                raise
            except BaleenError as err:
                raise StartFailed(str(err), exit_code=128) from err
            undo.pop_all()
        for sock in sandbox.sockets:
            sock.close()
        changes = sandbox.changes | self._bundles.security_changes(record)
        return Started(int(reply["pid"]), str(reply["started_at"]), changes, held)

    def _spawn(self, request: str, ports: list[int], held: _HeldEvents) -> SupervisorLink:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                self._spawner.spawn(request, [theirs.fileno(), *ports])
            except BaseException:
                ours.close()
                raise
        return SupervisorLink(ours, held.event, held.lost)

    # --- at the end ------------------------------------------------------------------------

    async def release(self, record: ContainerRecord, live: LiveContainer) -> dict[str, Any]:
        """Give back what the run had; returns changes of the record. The supervisor is done."""
        live.drop_link()
        self._bundles.clean(record)
        return await self._networks.release(record)

    async def clean_up_lost(self, record: ContainerRecord) -> Ending:
        """End what is left of a container without a supervisor, and find out how it ended."""
        cgroup = self.cgroup_of(record)
        oom_killed = cgroup.oom_events() > 0
        try:
            cgroup.kill()
            cgroup.remove()
        except BaleenError as err:
            log.error("cannot remove the cgroup of container %s: %s", record.id, err)
        return read_ending(record) or Ending(137, oom_killed, now_text())

    def end_unrecorded(self, record: ContainerRecord) -> bool:
        """End a run of which the record does not know; returns whether there was one.

        A daemon that was killed between a start and its record has left it. Blocks.
        """
        ended = end_supervisor(self._bundles.directory(record.id) / "control.sock")
        cgroup = self.cgroup_of(record)
        try:
            cgroup.kill()
            cgroup.remove()
        except BaleenError as err:
            log.error("cannot remove the cgroup of container %s: %s", record.id, err)
        self._bundles.clean(record)
        remove_ending(record)
        return ended

    def freeze(self, record: ContainerRecord) -> None:
        """Stop all processes of the container (Conflict: it has ended)."""
        with unless_ended(record):
            self.cgroup_of(record).freeze()

    def thaw(self, record: ContainerRecord) -> None:
        """Let them go on (Conflict: it has ended)."""
        with unless_ended(record):
            self.cgroup_of(record).thaw()

    def remove_left_groups(self, records: Iterable[ContainerRecord]) -> None:
        """Remove the control groups that killed supervisors had made ahead. Blocks."""
        for parent in self._bundles.cgroup_parents(records):
            remove_left_groups(self._cgroups, parent)

    def cgroup_of(self, record: ContainerRecord) -> Cgroup:
        """Return the container's cgroup, which exists while the container runs."""
        return self._cgroups.open(self._bundles.cgroup_path(record))


def read_ending(record: ContainerRecord) -> Ending | None:
    """Return what a supervisor wrote into exit.json at the end of the last run, if it did.

    Raises:
        Internal: the file is there and is not what a supervisor writes.
    """
    try:
        with open(f"{record.state_dir}/exit.json", "rb") as file:  # noqa: PTH123
            document = json.load(file)
        return Ending(
            int(document["exit_code"]),
            bool(document["oom_killed"]),
            str(document["finished_at"]),
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as err:
        raise Internal(f"{record.state_dir}/exit.json is damaged: {err}") from err


def _give_up(live: LiveContainer, link: SupervisorLink, held: _HeldEvents) -> None:
    held.drop()
    link.close()
    if live.link is link:
        live.link = None


def remove_ending(record: ContainerRecord) -> None:
    """Forget the end of the last run, so that a new run's cannot be mistaken for it."""
    try:
        os.unlink(f"{record.state_dir}/exit.json")  # noqa: PTH108
    except FileNotFoundError:
        return
