"""Giving up from outside: blocking calls in threads end when their `Cancellation` is cancelled."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from baleen.errors import BaleenError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Cancellation", "Cancelled"]


class Cancelled(BaleenError):
    """The caller gave up; what was complete by then stays complete."""

    def __init__(self) -> None:
        super().__init__("context canceled")


class Cancellation:
    """Cancelled once and for ever, from any thread; children are cancelled with their parent."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: dict[object, Callable[[], None]] = {}

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._event.is_set()

    def cancel(self) -> None:
        """End what runs under it; returns at once, the calls raise `Cancelled` soon after."""
        with self._lock:
            self._event.set()
            callbacks = list(self._callbacks.values())
            self._callbacks.clear()
        for callback in callbacks:
            with suppress(OSError):
                callback()

    def check(self) -> None:
        """Raise `Cancelled` if it is."""
        if self._event.is_set():
            raise Cancelled

    def wait(self, seconds: float) -> None:
        """Wait for so long; raises `Cancelled` as soon as it is."""
        if self._event.wait(seconds):
            raise Cancelled

    @contextmanager
    def on_cancel(self, callback: Callable[[], None]) -> Iterator[None]:
        """Have `callback` called at cancellation inside the block; at once if it is already.

        It comes from the cancelling thread, must be quick, and may do nothing but wake somebody.
        """
        key = object()
        with self._lock:
            late = self._event.is_set()
            if not late:
                self._callbacks[key] = callback
        if late:
            callback()
        try:
            yield
        finally:
            with self._lock:
                self._callbacks.pop(key, None)

    @contextmanager
    def child(self) -> Iterator[Cancellation]:
        """Return one that ends with this one, and can end without it."""
        inner = Cancellation()
        with self.on_cancel(inner.cancel):
            yield inner
