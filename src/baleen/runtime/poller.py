"""The event loop of a supervisor: one epoll, callbacks for descriptors, a few deadlines.

It blocks in epoll_wait until something happened; nothing is polled on a clock. Callbacks run one
after the other on the only thread and must not block. A callback may add and remove descriptors,
its own included: events that were already collected for a descriptor removed meanwhile are not
delivered, even if its number was given to a new one.

See: epoll(7).
"""

from __future__ import annotations

import contextlib
import heapq
import select
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Deadline", "Poller"]


class Deadline:
    """A callback that is due at a monotonic time; `cancel` takes it back (idempotent)."""

    __slots__ = ("at", "callback")

    def __init__(self, at: float, callback: Callable[[], None]) -> None:
        self.at = at
        self.callback: Callable[[], None] | None = callback

    def __lt__(self, other: Deadline) -> bool:
        return self.at < other.at

    def cancel(self) -> None:
        """Never call the callback."""
        self.callback = None


class Poller:
    """Waits for descriptors and deadlines. Descriptors stay the property of who added them.

    An exception that leaves a callback is a bug; `on_error` may report it. The descriptor is not
    watched any more then, so that the others go on. Without `on_error` it is raised by `run`.
    """

    def __init__(self, on_error: Callable[[Exception], None] | None = None) -> None:
        self._epoll = select.epoll()
        self._callbacks: dict[int, Callable[[int], None]] = {}
        self._deadlines: list[Deadline] = []
        # Added since the events at hand were collected, so these are not theirs.
        self._fresh: set[int] = set()
        self._stopped = False
        self._next_timeout: Callable[[], float | None] | None = None
        self._on_timeout: Callable[[], None] | None = None
        self._on_error = on_error

    def add(self, fd: int, events: int, callback: Callable[[int], None]) -> None:
        """Call `callback` with the event mask when `fd` is ready; hang-up is always reported."""
        self._epoll.register(fd, events)
        self._callbacks[fd] = callback
        self._fresh.add(fd)

    def modify(self, fd: int, events: int) -> None:
        """Change what is waited for. 0 waits for hang-up and error only."""
        self._epoll.modify(fd, events)

    def remove(self, fd: int) -> None:
        """Forget `fd`; to be called before it is closed. Success means *is not watched*."""
        if self._callbacks.pop(fd, None) is not None:
            with contextlib.suppress(OSError):
                self._epoll.unregister(fd)

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Deadline:
        """Call `callback` once, `delay_s` seconds from now."""
        deadline = Deadline(monotonic() + delay_s, callback)
        heapq.heappush(self._deadlines, deadline)
        return deadline

    def set_clock(
        self,
        next_timeout: Callable[[], float | None] | None,
        on_timeout: Callable[[], None] | None = None,
    ) -> None:
        """Serve one owner of timers of its own: asked for its next one before each wait."""
        self._next_timeout = next_timeout
        self._on_timeout = on_timeout

    def stop(self) -> None:
        """Let `run` return after the callback that is running."""
        self._stopped = True

    def run(self) -> None:
        """Serve until `stop`."""
        while not self._stopped:
            self.run_once()

    def run_once(self) -> None:
        """Wait for the next events or deadline and deliver them."""
        own = self._next_timeout() if self._next_timeout is not None else None
        timeout = self._until_deadline()
        if own is not None:
            timeout = own if timeout is None else min(own, timeout)
        due = None if own is None else monotonic() + own
        self._fresh.clear()
        for fd, events in self._epoll.poll(timeout, 16):
            callback = self._callbacks.get(fd)
            if callback is not None and fd not in self._fresh:
                self._call(callback, events, fd)
                if self._stopped:
                    return
        if due is not None and self._on_timeout is not None and monotonic() >= due:
            self._on_timeout()
        self._run_deadlines()

    def _call(self, callback: Callable[[int], None], events: int, fd: int) -> None:
        try:
            callback(events)
        except Exception as err:
            self.remove(fd)
            self._failed(err)

    def _failed(self, err: Exception) -> None:
        if self._on_error is None:
            raise err
        self._on_error(err)

    def _until_deadline(self) -> float | None:
        while self._deadlines and self._deadlines[0].callback is None:
            heapq.heappop(self._deadlines)
        return max(0.0, self._deadlines[0].at - monotonic()) if self._deadlines else None

    def _run_deadlines(self) -> None:
        while not self._stopped and self._deadlines and self._deadlines[0].at <= monotonic():
            callback = heapq.heappop(self._deadlines).callback
            if callback is None:
                continue
            try:
                callback()
            except Exception as err:
                self._failed(err)

    def close(self) -> None:
        """Close the epoll descriptor."""
        self._callbacks.clear()
        self._epoll.close()
