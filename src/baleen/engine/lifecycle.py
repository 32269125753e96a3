"""The running life of a container: start, stop, kill, restart, pause, and the end of its process.

A start is prepared by `Starter` (network, files, bundle) and done by a supervisor; from then on
the supervisor's events are the truth, and `Lifecycle` turns them into records, events and answers
to those who wait.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import msgspec

from baleen.api.signals import parse_signal
from baleen.containers.state import Status
from baleen.containers.times import now_text
from baleen.engine.live import WaitResult, resolved
from baleen.engine.starter import Ending, Starter
from baleen.engine.stop_rules import is_wish_to_end, stop_signal, stop_timeout
from baleen.engine.use_events import publish_release, publish_use
from baleen.errors import (
    BaleenError,
    Conflict,
    InvalidArgument,
    NotFound,
    NotModified,
    StartFailed,
    Unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from baleen.api import Health
    from baleen.containers import ContainerStore
    from baleen.containers.record import ContainerRecord
    from baleen.engine.events import EventBus
    from baleen.engine.execs import Execs
    from baleen.engine.health import HealthChecks
    from baleen.engine.live import LiveContainer, LiveContainers
    from baleen.engine.supervisor_link import Message, SupervisorLink
    from baleen.engine.tasks import Tasks

__all__ = ["Lifecycle"]

log = logging.getLogger(__name__)

# After SIGKILL the kernel needs no more than this; a process in uninterruptible sleep may.
_KILL_TIMEOUT_S = 10

# When to look at what a killed supervisor has left: its processes die behind it.
_DYING_S = (0.05, 0.2, 1.0, 3.0)

_SIGKILL = 9


class Lifecycle:
    """Moves containers between created, running, paused, restarting and exited."""

    def __init__(
        self,
        store: ContainerStore,
        lives: LiveContainers,
        execs: Execs,
        starter: Starter,
        health: HealthChecks,
        events: EventBus,
        tasks: Tasks,
    ) -> None:
        self._store = store
        self._lives = lives
        self._execs = execs
        self._starter = starter
        self._health = health
        self._events = events
        self._tasks = tasks
        self.auto_remove: Callable[[str], Awaitable[None]] | None = None

    # --- start -----------------------------------------------------------------------------

    async def start(self, ref: str, *, checkpoint: str | None = None) -> None:
        """Run the container's process, or go on from a checkpoint; returns once it executes.

        Raises:
            NotFound: no such container.
            NotModified: it already runs.
            Conflict: it is paused, or being removed.
            StartFailed: its command cannot be executed; the container keeps code and error.
        """
        record = self._store.get(ref)
        live = self._lives[record.id]
        async with live.lock:
            await self._start_locked(live, checkpoint)

    async def _start_locked(self, live: LiveContainer, checkpoint: str | None = None) -> None:
        record = self._require(live.id)
        if record.status is Status.PAUSED:
            raise Conflict("cannot start a paused container, try unpause instead")
        if record.status.is_active:
            raise NotModified(f"container {record.id} is already running")
        if record.status in (Status.REMOVING, Status.DEAD):
            raise Conflict("container is marked for removal and cannot be started")
        try:
            started = await self._starter.start(
                record, live, self._on_event(live), self._on_lost(live), checkpoint
            )
        except BaseException as err:
            self._start_failed(live, err)
            raise
        self._store.move(
            live.id,
            Status.RUNNING,
            pid=started.pid,
            started_at=started.started_at,
            exit_code=0,
            error="",
            oom_killed=False,
            manually_stopped=False,
            **started.changes,
        )
        publish_use(self._events, self._require(live.id))
        self._publish(live.id, "start")
        self._health.begin(record)
        # An exit that came right behind the reply was held back until the start was noted.
        started.release_events()

    def _start_failed(self, live: LiveContainer, err: BaseException) -> None:
        live.drop_pending()
        record = self._store.by_id(live.id)
        if record is None:
            return
        message = str(err) or type(err).__name__
        exit_code = err.exit_code if isinstance(err, StartFailed) else 128
        status = record.status if record.status is Status.CREATED else Status.EXITED
        self._store.move(live.id, status, pid=0, exit_code=exit_code, error=message)
        live.start_failed(WaitResult(exit_code))
        if record.host_config.auto_remove:
            self._remove_later(live.id)

    # --- stop and kill ---------------------------------------------------------------------

    async def stop(
        self,
        ref: str,
        *,
        timeout: int | None,  # noqa: ASYNC109  # a grace period, the API's name
        signal: str | None,
    ) -> None:
        """Ask the process to end, and kill it after `timeout` seconds (-1: never).

        Raises:
            NotFound: no such container.
            NotModified: it does not run.
            InvalidArgument: no such signal.
        """
        record = self._store.get(ref)
        number = stop_signal(record, signal)
        live = self._lives[record.id]
        async with live.lock:
            record = self._require(live.id)
            if not record.status.is_active:
                raise NotModified(f"container {record.id} is already stopped")
            await self._stop_locked(live, number, stop_timeout(record, timeout))
            self._publish(live.id, "stop")

    async def _stop_locked(self, live: LiveContainer, number: int, timeout_s: int | None) -> None:
        ended = live.when_not_running()
        await self._no_restart(live)
        if live.link is None:
            await self._await_end(live, ended)  # it ended by itself, which is being noted
            return
        self._thaw_if_paused(live)
        await self._send_quietly(live.link, "signal", signal=number)
        self._publish(live.id, "kill", signal=str(number))
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.shield(ended)
        except TimeoutError:
            log.info(
                "container %s did not end within %s s of signal %d, killing it",
                live.id,
                timeout_s,
                number,
            )
            await self._kill_hard(live, ended)

    async def _kill_hard(self, live: LiveContainer, ended: asyncio.Future[WaitResult]) -> None:
        self._publish(live.id, "kill", signal=str(_SIGKILL))
        self._thaw_if_paused(live)  # a frozen process takes no signal on cgroup v1
        if live.link is not None:
            await self._send_quietly(live.link, "signal", signal=_SIGKILL)
        await self._await_end(live, ended)

    @staticmethod
    async def _await_end(live: LiveContainer, ended: asyncio.Future[WaitResult]) -> None:
        try:
            async with asyncio.timeout(_KILL_TIMEOUT_S):
                await asyncio.shield(ended)
        except TimeoutError:
            raise Unavailable(
                f"tried to kill container {live.id}, but did not receive an exit event"
            ) from None

    async def kill(self, ref: str, *, signal: str | None) -> None:
        """Send a signal to the container's process; with SIGKILL, wait until it is gone.

        Raises:
            NotFound: no such container.
            Conflict: it does not run.
            InvalidArgument: no such signal.
        """
        record = self._store.get(ref)
        number = parse_signal(signal or "SIGKILL")
        live = self._lives[record.id]
        if not record.status.is_active or live.link is None:
            raise Conflict(f"cannot kill container: {ref}: container {record.id} is not running")
        if record.status is Status.RESTARTING and number != _SIGKILL:
            raise Conflict(f"cannot kill container: {ref}: container {record.id} is restarting")
        if number != _SIGKILL:
            await live.link.send("signal", signal=number)
            self._publish(record.id, "kill", signal=str(number))
            if record.status is Status.PAUSED and is_wish_to_end(record, number):
                await self._let_go_on(live)
            return
        await self.end(record.id)

    async def end(self, container_id: str) -> None:
        """Kill the container's process if it still runs; returns once its end is noted.

        A process that has ended a moment ago leaves the container active until its network and
        files are released: there is nothing to kill then, but something to wait for.
        """
        live = self._lives[container_id]
        if not self._require(container_id).status.is_active:
            return
        ended = live.when_not_running()
        await self._no_restart(live)
        if live.link is None:
            await self._await_end(live, ended)
        else:
            await self._kill_hard(live, ended)

    def _thaw_if_paused(self, live: LiveContainer) -> None:
        record = self._store.by_id(live.id)
        if record is not None and record.status is Status.PAUSED:
            self._thaw(live)

    async def _let_go_on(self, live: LiveContainer) -> None:
        """Thaw a paused container: its process cannot take a signal before."""
        async with live.lock:
            record = self._store.by_id(live.id)
            if record is not None and record.status is Status.PAUSED:
                self._thaw(live)
                self._publish(live.id, "unpause")

    async def _no_restart(self, live: LiveContainer) -> None:
        """Make the coming exit the last one, whatever the restart policy says."""
        self._store.update(live.id, manually_stopped=True)
        if live.link is not None:
            await self._send_quietly(live.link, "stop-restart")

    @staticmethod
    async def _send_quietly(link: SupervisorLink, op: str, **fields: int) -> None:
        """Send a request whose failure means that the process has just ended by itself."""
        try:
            await link.send(op, fds=(), **fields)
        except BaleenError as err:
            log.debug("supervisor did not take %s: %s", op, err)

    async def restart(
        self,
        ref: str,
        *,
        timeout: int | None,  # noqa: ASYNC109  # a grace period, the API's name
        signal: str | None,
    ) -> None:
        """Stop the container if it runs, then start it."""
        record = self._store.get(ref)
        number = stop_signal(record, signal)
        live = self._lives[record.id]
        async with live.lock:
            record = self._require(live.id)
            if record.status.is_active:
                live.keep = True
                try:
                    await self._stop_locked(live, number, stop_timeout(record, timeout))
                finally:
                    live.keep = False
            await self._start_locked(live)
        self._publish(record.id, "restart")

    # --- pause -----------------------------------------------------------------------------

    async def pause(self, ref: str) -> None:
        """Freeze every process of the container (Conflict unless it runs)."""
        record = self._store.get(ref)
        live = self._lives[record.id]
        async with live.lock:
            record = self._require(live.id)
            if record.status is Status.PAUSED:
                raise Conflict(f"Container {record.id} is already paused")
            if record.status is not Status.RUNNING:
                raise Conflict(f"Container {record.id} is not running")
            self._starter.freeze(record)
            self._store.move(live.id, Status.PAUSED)
            self._publish(live.id, "pause")

    async def unpause(self, ref: str) -> None:
        """Let a paused container go on (Conflict unless it is paused)."""
        record = self._store.get(ref)
        live = self._lives[record.id]
        async with live.lock:
            if self._require(live.id).status is not Status.PAUSED:
                raise Conflict(f"Container {record.id} is not paused")
            self._thaw(live)
            self._publish(live.id, "unpause")

    def _thaw(self, live: LiveContainer) -> None:
        self._starter.thaw(self._require(live.id))
        self._store.move(live.id, Status.RUNNING)

    # --- waiting ---------------------------------------------------------------------------

    def wait(self, ref: str, condition: str) -> Awaitable[WaitResult]:
        """Return an awaitable of the container's exit; the wait has begun when this returns.

        Args:
            ref: the container.
            condition: "not-running" (or ""), "next-exit" or "removed".

        Raises:
            NotFound, InvalidArgument: at once, not from the awaitable.
        """
        record = self._store.get(ref)
        live = self._lives[record.id]
        match condition or "not-running":
            case "not-running":
                if record.status.is_active:
                    return live.when_not_running()
                return resolved(WaitResult(record.exit_code))
            case "next-exit":
                return live.when_exits()
            case "removed":
                live.last_result = WaitResult(record.exit_code)
                return live.when_removed()
            case other:
                raise InvalidArgument(f"invalid condition: {other!r}")

    # --- what supervisors report -------------------------------------------------------------

    def adopt(self, record: ContainerRecord, link_of: Callable[..., SupervisorLink]) -> None:
        """Take over a supervisor that outlived the last daemon; `link_of(on_event, on_lost)`."""
        live = self._lives[record.id]
        live.link = link_of(self._on_event(live), self._on_lost(live))
        self._health.begin(record)

    def _on_event(self, live: LiveContainer) -> Callable[[Message], None]:
        def on_event(message: Message) -> None:
            record = self._store.by_id(live.id)
            if record is None:
                return
            match message["event"]:
                case "exited":
                    self._on_exit(live, record, message)
                case "started":
                    self._restarted(record, message)
                case "oom":
                    self._publish(live.id, "oom")
                case "exec-exited":
                    if not self._health.exec_exited(message):
                        self._execs.exited(record, message)
                case "detached":
                    if message.get("reason") == "detach-keys":
                        self._publish(live.id, "detach")
                case other:  # log-failed, error: what only the log is told
                    log.error("container %s: %s: %s", live.id, other, message.get("message"))

        return on_event

    def _on_exit(self, live: LiveContainer, record: ContainerRecord, message: Message) -> None:
        ending = Ending(
            int(message["exit_code"]), bool(message["oom_killed"]), str(message["finished_at"])
        )
        if message["restarting"]:
            self._restarting(record, ending)
            return
        # The supervisor goes now; its end of the socket is not to be missed.
        live.drop_link()
        self._tasks.start(self.exited(live.id, ending), f"exit of {live.id[:12]}")

    def _on_lost(self, live: LiveContainer) -> Callable[[], None]:
        def on_lost() -> None:
            live.link = None
            record = self._store.by_id(live.id)
            if record is not None and record.status.is_active:
                self._tasks.start(self.supervisor_lost(record), f"clean up after {live.id[:12]}")

        return on_lost

    async def supervisor_lost(self, record: ContainerRecord) -> None:
        """Clean up after a supervisor that was killed: end the container, note the exit."""
        log.error("the supervisor of container %s is gone; ending the container", record.id)
        self.clean_up_beside([record])
        await self.exited(record.id, await self._starter.clean_up_lost(record))

    def clean_up_beside(self, lost: Sequence[ContainerRecord]) -> None:
        """Remove, behind this call, what the killed shims of these had made ahead."""
        self._tasks.start(self._remove_left_groups(lost), "what killed shims have left")

    async def _remove_left_groups(self, lost: Sequence[ContainerRecord]) -> None:
        # What is killed with a shim dies behind it.
        for pause_s in _DYING_S:
            await asyncio.sleep(pause_s)
            await self._tasks.blocking(self._starter.remove_left_groups, lost)

    async def exited(self, container_id: str, ending: Ending) -> None:
        """Note that the container's process ended and will not be started again by its policy."""
        record = self._store.by_id(container_id)
        if record is None or not record.status.is_active:
            return
        live = self._lives[container_id]
        self._health.end(container_id)
        self._execs.container_exited(container_id)
        changes = await self._starter.release(record, live)
        self._store.move(
            container_id,
            Status.EXITED,
            pid=0,
            exit_code=ending.exit_code,
            oom_killed=ending.oom_killed,
            finished_at=ending.finished_at,
            health=_health_of_stopped(record),
            **changes,
        )
        self._publish(container_id, "die", exitCode=str(ending.exit_code))
        publish_release(self._events, record)
        live.exited(WaitResult(ending.exit_code), restarting=False)
        if record.host_config.auto_remove and not live.keep:
            self._remove_later(container_id)

    def _restarting(self, record: ContainerRecord, ending: Ending) -> None:
        self._health.end(record.id)
        self._execs.container_exited(record.id)
        self._store.move(
            record.id,
            Status.RESTARTING,
            pid=0,
            exit_code=ending.exit_code,
            oom_killed=ending.oom_killed,
            finished_at=ending.finished_at,
            restart_count=record.restart_count + 1,
            health=_health_of_stopped(record),
        )
        self._publish(record.id, "die", exitCode=str(ending.exit_code))
        self._lives[record.id].exited(WaitResult(ending.exit_code), restarting=True)

    def _restarted(self, record: ContainerRecord, message: Message) -> None:
        self._store.move(
            record.id,
            Status.RUNNING,
            pid=int(message["pid"]),
            started_at=str(message.get("started_at") or now_text()),
        )
        self._health.begin(record)
        self._publish(record.id, "start")

    def _remove_later(self, container_id: str) -> None:
        assert self.auto_remove is not None
        self._tasks.start(self._remove_quietly(container_id), f"remove {container_id[:12]}")

    async def _remove_quietly(self, container_id: str) -> None:
        assert self.auto_remove is not None
        try:
            await self.auto_remove(container_id)
        except NotFound:
            log.debug("container %s was removed by somebody else", container_id)
        except BaleenError as err:
            log.error("cannot remove container %s after its exit: %s", container_id, err)

    # --- helpers ---------------------------------------------------------------------------

    def _require(self, container_id: str) -> ContainerRecord:
        record = self._store.by_id(container_id)
        if record is None:
            raise NotFound(f"No such container: {container_id}")
        return record

    def _publish(self, container_id: str, action: str, **more: str) -> None:
        record = self._store.by_id(container_id)
        if record is None:
            return
        self._events.publish_with(
            "container",
            action,
            record.id,
            {**record.config.labels, "image": record.config.image, "name": record.name, **more},
        )


def _health_of_stopped(record: ContainerRecord) -> Health | None:
    """Return the health of a container that is probed no more: Docker calls it unhealthy."""
    if record.health is None:
        return None
    return msgspec.structs.replace(record.health, status="unhealthy")
