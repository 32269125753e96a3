"""Health checks: a command run in the container again and again, and what its results mean.

    starting ──success──► healthy ◄──success── unhealthy
        └── `retries` failures in a row ──────────►┘     (failures during the start period
                                                          do not count)

The probe is an exec like any other; its output (the first 4 KiB) and exit code are kept for the
last five probes. Checks run while a daemon runs: a new daemon begins them again.

See: Dockerfile reference, HEALTHCHECK; Engine API v1.55, definition Health.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from baleen.api import Health, HealthcheckResult
from baleen.containers.times import now_text
from baleen.engine.oci_spec import build_exec_process
from baleen.errors import BaleenError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from baleen.api import HealthConfig
    from baleen.containers import ContainerStore
    from baleen.containers.record import ContainerRecord
    from baleen.engine.bundles import Bundles
    from baleen.engine.events import EventBus
    from baleen.engine.live import LiveContainers
    from baleen.engine.supervisor_link import Message

__all__ = ["HealthChecks", "next_health"]

_NS = 1_000_000_000
_INTERVAL_S = 30.0
_TIMEOUT_S = 30.0
_START_INTERVAL_S = 5.0
_RETRIES = 3
_KEPT_RESULTS = 5
_KEPT_OUTPUT = 4096


def next_health(
    health: Health, result: HealthcheckResult, *, retries: int, in_start_period: bool
) -> Health:
    """Return the state after one more probe."""
    log = [*health.log, result][-_KEPT_RESULTS:]
    if result.exit_code == 0:
        return Health(status="healthy", failing_streak=0, log=log)
    if in_start_period and health.status == "starting":
        return Health(status="starting", failing_streak=0, log=log)
    streak = health.failing_streak + 1
    status = "unhealthy" if streak >= retries else health.status
    return Health(status=status, failing_streak=streak, log=log)


class HealthChecks:
    """Runs the probes of all running containers."""

    def __init__(
        self,
        store: ContainerStore,
        lives: LiveContainers,
        bundles: Bundles,
        events: EventBus,
    ) -> None:
        self._store = store
        self._lives = lives
        self._bundles = bundles
        self._events = events
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._probes: dict[str, asyncio.Future[int]] = {}

    def begin(self, record: ContainerRecord) -> None:
        """Start probing a container whose process has just been started (or adopted)."""
        self.end(record.id)
        check = record.config.healthcheck
        if check is None or not check.test or check.test[0] in ("", "NONE"):
            return
        self._store.update(record.id, health=Health(status="starting"))
        self._tasks[record.id] = asyncio.get_running_loop().create_task(
            self._probe_for_ever(record.id, check), name=f"health of {record.id[:12]}"
        )

    def end(self, container_id: str) -> None:
        """Stop probing; nothing happens when no probe runs."""
        task = self._tasks.pop(container_id, None)
        if task is not None:
            task.cancel()

    def close(self) -> None:
        """Stop all probing."""
        for container_id in list(self._tasks):
            self.end(container_id)

    def exec_exited(self, message: Message) -> bool:
        """Take the end of an exec if it is one of our probes; returns whether it is."""
        future = self._probes.pop(str(message["exec_id"]), None)
        if future is None:
            return False
        if not future.done():
            future.set_result(int(message["exit_code"]))
        return True

    async def _probe_for_ever(self, container_id: str, check: HealthConfig) -> None:
        begin = time.monotonic()
        interval = check.interval / _NS or _INTERVAL_S
        start_period = check.start_period / _NS
        start_interval = check.start_interval / _NS or _START_INTERVAL_S
        while True:
            age = time.monotonic() - begin
            health = self._health(container_id)
            starting = age < start_period and health is not None and health.status == "starting"
            await asyncio.sleep(start_interval if starting else interval)
            record = self._store.by_id(container_id)
            if record is None or not record.status.is_active:
                return
            if not record.is_running or record.health is None:
                continue
            result = await self._probe(record, check)
            self._note(
                container_id,
                result,
                retries=check.retries or _RETRIES,
                in_start_period=time.monotonic() - begin < start_period,
            )

    def _health(self, container_id: str) -> Health | None:
        record = self._store.by_id(container_id)
        return None if record is None else record.health

    def _note(
        self, container_id: str, result: HealthcheckResult, *, retries: int, in_start_period: bool
    ) -> None:
        record = self._store.by_id(container_id)
        if record is None or record.health is None or not record.is_running:
            return
        health = next_health(
            record.health, result, retries=retries, in_start_period=in_start_period
        )
        changed = health.status != record.health.status
        record = self._store.update(container_id, health=health)
        if changed:
            self._events.publish_with(
                "container",
                f"health_status: {health.status}",
                container_id,
                {**record.config.labels, "image": record.config.image, "name": record.name},
            )

    async def _probe(self, record: ContainerRecord, check: HealthConfig) -> HealthcheckResult:
        start = now_text()
        timeout_s = check.timeout / _NS or _TIMEOUT_S
        try:
            exit_code, output = await self._run(record, _command(record, check), timeout_s)
        except TimeoutError:
            exit_code, output = -1, f"Health check exceeded timeout ({timeout_s:g}s)"
        except (BaleenError, OSError) as err:
            exit_code, output = -1, str(err)
        return HealthcheckResult(start=start, end=now_text(), exit_code=exit_code, output=output)

    async def _run(
        self, record: ContainerRecord, command: list[str], timeout_s: float
    ) -> tuple[int, str]:
        exec_id = secrets.token_hex(32)
        process = build_exec_process(
            self._bundles.process_of(record),
            command=command,
            env=(),
            working_dir="",
            user=None,
            tty=False,
            privileged=False,
        )
        await self._bundles.make_ready(process)
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[int] = loop.create_future()
        self._probes[exec_id] = ended
        ours, theirs = socket.socketpair()
        reading: asyncio.Task[bytes] | None = None
        link = self._lives[record.id].require_link(record)
        try:
            with ours:
                with theirs:
                    started = link.send(
                        "exec",
                        fds=[theirs.fileno()],
                        exec_id=exec_id,
                        process=process,
                        open_stdin=False,
                        detach_keys="",
                        attach={
                            "stdin": False,
                            "stdout": True,
                            "stderr": True,
                            "framed": False,
                            "early": "",
                        },
                        seccomp_program=self._bundles.seccomp_of_exec(record, privileged=False),
                    )
                ours.setblocking(False)
                reading = loop.create_task(_read(ours))
                with _process(int((await started)["pid"])) as pidfd:
                    try:
                        async with asyncio.timeout(timeout_s):
                            exit_code = await asyncio.shield(ended)
                            return exit_code, (await reading).decode("utf-8", "replace")
                    except TimeoutError:
                        if pidfd is not None:
                            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                        raise
        finally:
            self._probes.pop(exec_id, None)
            if reading is not None:
                reading.cancel()


def _command(record: ContainerRecord, check: HealthConfig) -> list[str]:
    kind, *words = check.test
    if kind == "CMD-SHELL":
        return [*(record.config.shell or ["/bin/sh", "-c"]), *words]
    return words


async def _read(sock: socket.socket) -> bytes:
    """Return the first part of what comes, and read the rest so that the probe cannot block."""
    loop = asyncio.get_running_loop()
    kept = b""
    while data := await loop.sock_recv(sock, 65536):
        kept += data[: _KEPT_OUTPUT - len(kept)]
    return kept


@contextmanager
def _process(pid: int) -> Iterator[int | None]:
    """Hold a descriptor of the probe's process, so that a timeout cannot kill another one.

    None when the process has ended already.
    """
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        yield None
        return
    try:
        yield pidfd
    finally:
        os.close(pidfd)
