"""The resolver's small event loop: descriptors and timers behind one descriptor of its own.

The supervisor polls many things; of the resolver it sees one epoll descriptor that becomes
readable when any of the resolver's sockets has something to do, and the time of the next timer.
"""

from __future__ import annotations

import heapq
import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Events", "Timer"]

_EVENTS_PER_TURN = 64  # then the supervisor's other work has its turn
_TIMERS_TO_TIDY = 512


class Timer:
    """A call that is due at a time, unless cancelled."""

    __slots__ = ("_callback", "due")

    def __init__(self, due: float, callback: Callable[[], None]) -> None:
        self.due = due
        self._callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Do not call; harmless afterwards."""
        self._callback = None

    def fire(self) -> None:
        """Call once."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()

    @property
    def cancelled(self) -> bool:
        """Whether nothing would be called."""
        return self._callback is None

    def __lt__(self, other: Timer) -> bool:
        return self.due < other.due


class Events:
    """Calls back for ready descriptors and due timers, in `turn`. Owns the epoll descriptor."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._epoll = select.epoll(select.EPOLL_CLOEXEC)
        self._handlers: dict[int, Callable[[int], None]] = {}
        self._timers: list[Timer] = []
        self._tidy_at = _TIMERS_TO_TIDY

    def fileno(self) -> int:
        """The descriptor to poll for input."""
        return self._epoll.fileno()

    def add(self, fd: int, mask: int, handler: Callable[[int], None]) -> None:
        """Call `handler` with the ready bits whenever `fd` has some of `mask`."""
        self._epoll.register(fd, mask)
        self._handlers[fd] = handler

    def modify(self, fd: int, mask: int) -> None:
        """Wait for other bits."""
        self._epoll.modify(fd, mask)

    def remove(self, fd: int) -> None:
        """Forget `fd`; call it before the descriptor is closed."""
        if self._handlers.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Call in `delay_s` seconds."""
        timer = Timer(self._clock() + delay_s, callback)
        if len(self._timers) >= self._tidy_at:
            # Cancelled timers lie in the heap until they are due: seconds, at thousands a second.
            self._timers = [item for item in self._timers if not item.cancelled]
            heapq.heapify(self._timers)
            self._tidy_at = _TIMERS_TO_TIDY + 2 * len(self._timers)
        heapq.heappush(self._timers, timer)
        return timer

    def next_timeout(self) -> float | None:
        """Seconds until the next timer, at least 0; None when there is none."""
        while self._timers and self._timers[0].cancelled:
            heapq.heappop(self._timers)
        return max(0.0, self._timers[0].due - self._clock()) if self._timers else None

    def turn(self) -> None:
        """Do what is ready and due, without waiting."""
        for fd, mask in self._epoll.poll(0, _EVENTS_PER_TURN):
            handler = self._handlers.get(fd)
            if handler is not None:  # an earlier handler of this turn may have removed it
                handler(mask)
        while self._timers and (self._timers[0].cancelled or self._timers[0].due <= self._clock()):
            heapq.heappop(self._timers).fire()

    def close(self) -> None:
        """Close the epoll descriptor; handlers and timers are dropped."""
        self._handlers.clear()
        self._timers.clear()
        self._epoll.close()
