"""The event loop of a shim: one epoll, callbacks for descriptors, a few deadlines.

It blocks in epoll_wait until something happened; nothing is polled on a clock. Callbacks run one
after the other on the only thread and must not block. A callback may add and remove descriptors,
its own included: events that were already collected for a descriptor removed meanwhile are not
delivered, even if its number was given to a new one.

A `Loop` serves several owners. Each has a `Poller`, its share of the loop: what one container has
registered is known as its own, so its bug is reported to it alone and its end takes all of it away.

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

__all__ = ["Deadline", "Loop", "Poller"]

_MOST_EVENTS = 64


class Deadline:
    """A callback that is due at a monotonic time; `cancel` takes it back (idempotent)."""

    __slots__ = ("at", "callback", "owner")

    def __init__(self, at: float, callback: Callable[[], None], owner: Poller) -> None:
        self.at = at
        self.callback: Callable[[], None] | None = callback
        self.owner = owner

    def __lt__(self, other: Deadline) -> bool:
        return self.at < other.at

    def cancel(self) -> None:
        """Never call the callback."""
        self.callback = None


class Loop:
    """Waits for the descriptors and deadlines of all its pollers, and calls them back."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._callbacks: dict[int, tuple[Callable[[int], None], Poller]] = {}
        self._deadlines: list[Deadline] = []
        # Added since the events at hand were collected, so these are not theirs.
        self._fresh: set[int] = set()
        self._clocks: dict[Poller, tuple[Callable[[], float | None], Callable[[], None]]] = {}
        self._stopped: list[Poller] = []

    def run_once(self) -> None:
        """Wait for the next events or deadline and deliver them."""
        timeout = self._until_deadline()
        clocks = [
            (poller, monotonic() + own, on_timeout)
            for poller, (next_timeout, on_timeout) in self._clocks.items()
            if (own := next_timeout()) is not None
        ]
        if clocks:
            first = max(0.0, min(due for _, due, _ in clocks) - monotonic())
            timeout = first if timeout is None else min(first, timeout)
        self._fresh.clear()
        for fd, events in self._epoll.poll(timeout, _MOST_EVENTS):
            found = self._callbacks.get(fd)
            if found is not None and fd not in self._fresh:
                callback, poller = found
                self._call(callback, events, fd, poller)
        if clocks:
            now = monotonic()
            for poller, due, on_timeout in clocks:
                if now >= due and poller in self._clocks:
                    self._attempt(on_timeout, poller)
        self._run_deadlines()

    def _call(self, callback: Callable[[int], None], events: int, fd: int, poller: Poller) -> None:
        try:
            callback(events)
        except Exception as err:
            poller.remove(fd)
            poller.failed(err)
        self._retire()

    def _until_deadline(self) -> float | None:
        while self._deadlines and self._deadlines[0].callback is None:
            heapq.heappop(self._deadlines)
        return max(0.0, self._deadlines[0].at - monotonic()) if self._deadlines else None

    def _run_deadlines(self) -> None:
        while self._deadlines and self._deadlines[0].at <= monotonic():
            deadline = heapq.heappop(self._deadlines)
            if deadline.callback is not None:
                self._attempt(deadline.callback, deadline.owner)

    def _attempt(self, callback: Callable[[], None], owner: Poller) -> None:
        try:
            callback()
        except Exception as err:
            owner.failed(err)
        self._retire()

    def _retire(self) -> None:
        """Tell of pollers that have stopped, when no callback of theirs is running any more."""
        while self._stopped:
            poller = self._stopped.pop()
            if poller.on_stop is not None:
                poller.on_stop()

    def _watch(self, fd: int, events: int, callback: Callable[[int], None], owner: Poller) -> None:
        self._epoll.register(fd, events)
        self._callbacks[fd] = (callback, owner)
        self._fresh.add(fd)

    def _modify(self, fd: int, events: int) -> None:
        self._epoll.modify(fd, events)

    def _forget(self, fd: int, owner: Poller) -> None:
        # A number that was closed and given to somebody else is not the owner's any more.
        if fd in self._callbacks and self._callbacks[fd][1] is owner:
            del self._callbacks[fd]
            with contextlib.suppress(OSError):
                self._epoll.unregister(fd)

    def _forget_all(self, owner: Poller) -> None:
        for fd in [fd for fd, (_, whose) in self._callbacks.items() if whose is owner]:
            self._forget(fd, owner)
        for deadline in self._deadlines:
            if deadline.owner is owner:
                deadline.cancel()
        self._clocks.pop(owner, None)

    def close(self) -> None:
        """Close the epoll descriptor."""
        self._callbacks.clear()
        self._epoll.close()


class Poller:
    """One owner's share of a loop. Descriptors stay the property of who added them.

    An exception that leaves a callback is a bug; `on_error` may report it. The descriptor is not
    watched any more then, so that the others go on. Without `on_error` it is raised by `run`.
    `on_stop` is called once after `stop`, as soon as the callback that is running has returned.

    Without `loop` it has one of its own.
    """

    def __init__(
        self,
        on_error: Callable[[Exception], None] | None = None,
        *,
        loop: Loop | None = None,
        on_stop: Callable[[], None] | None = None,
    ) -> None:
        self._own = loop is None
        self._loop = Loop() if loop is None else loop
        self._on_error = on_error
        self._is_stopped = False
        self.on_stop = on_stop

    def add(self, fd: int, events: int, callback: Callable[[int], None]) -> None:
        """Call `callback` with the event mask when `fd` is ready; hang-up is always reported."""
        self._loop._watch(fd, events, callback, self)  # noqa: SLF001  # two halves of one thing

    def modify(self, fd: int, events: int) -> None:
        """Change what is waited for. 0 waits for hang-up and error only."""
        self._loop._modify(fd, events)  # noqa: SLF001

    def remove(self, fd: int) -> None:
        """Forget `fd`; to be called before it is closed. Success means *is not watched*."""
        self._loop._forget(fd, self)  # noqa: SLF001

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Deadline:
        """Call `callback` once, `delay_s` seconds from now."""
        deadline = Deadline(monotonic() + delay_s, callback, self)
        heapq.heappush(self._loop._deadlines, deadline)  # noqa: SLF001
        return deadline

    def set_clock(
        self,
        next_timeout: Callable[[], float | None] | None,
        on_timeout: Callable[[], None] | None = None,
    ) -> None:
        """Serve timers that are kept elsewhere: asked for the next one before each wait."""
        clocks = self._loop._clocks  # noqa: SLF001
        if next_timeout is None or on_timeout is None:
            clocks.pop(self, None)
        else:
            clocks[self] = (next_timeout, on_timeout)

    def failed(self, err: Exception) -> None:
        """Report an exception that left a callback, or raise it."""
        if self._on_error is None:
            raise err
        self._on_error(err)

    def stop(self) -> None:
        """Let `run` return, and `on_stop` be called, after the callback that is running."""
        if not self._is_stopped:
            self._is_stopped = True
            self._loop._stopped.append(self)  # noqa: SLF001

    def run(self) -> None:
        """Serve the whole loop until `stop`."""
        while not self._is_stopped:
            self._loop.run_once()
        self._loop._retire()  # noqa: SLF001  # if nothing ran since

    def run_once(self) -> None:
        """Wait for the next events or deadline of the loop and deliver them."""
        self._loop.run_once()

    def close(self) -> None:
        """Forget all that was added here; close the loop if it is our own."""
        if self._own:
            self._loop.close()
        else:
            self._loop._forget_all(self)  # noqa: SLF001
