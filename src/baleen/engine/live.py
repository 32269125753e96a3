"""The in-memory side of a container: who works on it, who waits for it, how to reach it.

A `LiveContainer` exists for every container record of the daemon. It holds nothing that has to
survive: after a restart it is made anew, and `engine.restore` opens the supervisor link again.

Lock order: a container's lock is taken before any lock of networks or volumes, and never two
containers' locks at once.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from baleen.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

    from baleen.containers.record import ContainerRecord
    from baleen.engine.supervisor_link import SupervisorLink

__all__ = ["AttachRequest", "LiveContainer", "LiveContainers", "WaitResult"]


@dataclass(frozen=True, slots=True)
class WaitResult:
    """How a container's process ended. `error` is non-empty when it never ran."""

    exit_code: int
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachRequest:
    """One client to be attached; `fd` is owned by whoever holds the request."""

    fd: int
    early: bytes
    stdin: bool
    stdout: bool
    stderr: bool
    framed: bool
    detach_keys: str


@dataclass(slots=True, eq=False)
class LiveContainer:
    """Mutable state of one container; used on the event loop only.

    Attributes:
        lock: held by each operation that changes the container's state.
        link: to the supervisor while one is known to live.
        pending: clients that attached before the start.
        keep: the coming exit is half of a restart, so `--rm` must not take the container away.
    """

    id: str
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    link: SupervisorLink | None = None
    pending: list[AttachRequest] = field(default_factory=list)
    keep: bool = False
    _not_running: list[asyncio.Future[WaitResult]] = field(default_factory=list)
    _next_exit: list[asyncio.Future[WaitResult]] = field(default_factory=list)
    _removed: list[asyncio.Future[WaitResult]] = field(default_factory=list)
    last_result: WaitResult = WaitResult(0)

    def when_not_running(self) -> asyncio.Future[WaitResult]:
        """Return a future of the next exit, or failed start, without a restart behind it."""
        return self._future(self._not_running)

    def when_exits(self) -> asyncio.Future[WaitResult]:
        """Return a future of the next exit, be it followed by a restart or not."""
        return self._future(self._next_exit)

    def when_removed(self) -> asyncio.Future[WaitResult]:
        """Return a future of the container's removal, with the last exit."""
        return self._future(self._removed)

    @staticmethod
    def _future(waiters: list[asyncio.Future[WaitResult]]) -> asyncio.Future[WaitResult]:
        future: asyncio.Future[WaitResult] = asyncio.get_running_loop().create_future()
        waiters.append(future)
        future.add_done_callback(lambda done: waiters.remove(done) if done in waiters else None)
        return future

    def exited(self, result: WaitResult, *, restarting: bool) -> None:
        """Tell those who wait that the process ended."""
        self.last_result = result
        _resolve(self._next_exit, result)
        if not restarting:
            _resolve(self._not_running, result)

    def start_failed(self, result: WaitResult) -> None:
        """Tell those who wait that there will be no exit: the start failed."""
        self.exited(result, restarting=False)

    def removed(self) -> None:
        """Tell those who wait that the container is gone; drops pending clients."""
        self.drop_pending()
        for waiters in (self._next_exit, self._not_running, self._removed):
            _resolve(waiters, self.last_result)

    def drop_pending(self) -> None:
        """Close the connections of clients that attached before a start that did not happen."""
        for request in self.pending:
            os.close(request.fd)
        self.pending.clear()

    def drop_link(self) -> None:
        """Close the link to the supervisor, if there is one."""
        if self.link is not None:
            self.link.close()
            self.link = None

    def close(self) -> None:
        """Give up the link and the waiting clients because the daemon stops."""
        self.drop_link()
        self.drop_pending()

    def require_link(self, record: ContainerRecord) -> SupervisorLink:
        """Return the link to the supervisor of a running container.

        Raises:
            Conflict: the container is not running.
        """
        if self.link is None or not record.is_running:
            raise Conflict(f"container {record.id} is not running")
        return self.link


def _resolve(waiters: list[asyncio.Future[WaitResult]], result: WaitResult) -> None:
    for future in list(waiters):
        if not future.done():
            future.set_result(result)
    waiters.clear()


class LiveContainers:
    """All live containers by full id."""

    def __init__(self) -> None:
        self._by_id: dict[str, LiveContainer] = {}

    def __getitem__(self, container_id: str) -> LiveContainer:
        live = self._by_id.get(container_id)
        if live is None:
            live = self._by_id[container_id] = LiveContainer(container_id)
        return live

    def __iter__(self) -> Iterator[LiveContainer]:
        return iter(list(self._by_id.values()))

    def forget(self, container_id: str) -> None:
        """Drop a container that was removed."""
        self._by_id.pop(container_id, None)

    def close(self) -> None:
        """Close every link; supervisors and containers go on."""
        for live in self._by_id.values():
            live.close()


def resolved(result: WaitResult) -> Awaitable[WaitResult]:
    """Return an awaitable that is already there."""
    future: asyncio.Future[WaitResult] = asyncio.get_running_loop().create_future()
    future.set_result(result)
    return future
