"""What a pull or push tells of its blobs while it works."""

from __future__ import annotations

import enum
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from baleen.oci.descriptor import Descriptor

__all__ = ["Event", "Meter", "Progress", "State", "silent"]

_INTERVAL_S = 0.1


class State(enum.Enum):
    """Where a blob is on its way."""

    WAITING = "waiting"
    DOWNLOADING = "downloading"
    RETRYING = "retrying"
    VERIFYING = "verifying"
    DOWNLOADED = "downloaded"
    PREPARING = "preparing"
    PUSHING = "pushing"
    PUSHED = "pushed"
    MOUNTED = "mounted"
    EXISTS = "exists"


@dataclass(frozen=True, slots=True)
class Event:
    """One step of one blob; `current` and `total` are bytes.

    `detail` is the repository of MOUNTED, and the seconds until the next try of RETRYING.
    """

    descriptor: Descriptor
    state: State
    current: int = 0
    total: int = 0
    detail: str = ""


class Progress(Protocol):
    """Told of each step, from the thread that takes it; must be quick."""

    def __call__(self, event: Event) -> None:
        """Take one event; an exception ends the operation."""
        ...


def silent(event: Event) -> None:
    """Tell nobody."""
    del event


class Meter:
    """Turns a stream of counts into at most ten events a second."""

    def __init__(self, descriptor: Descriptor, state: State, progress: Progress) -> None:
        self._descriptor = descriptor
        self._state = state
        self._progress = progress
        self._due = 0.0

    def at(self, current: int) -> None:
        """Tell that `current` bytes are done, unless that was told just now."""
        now = time.monotonic()
        if now >= self._due:
            self._due = now + _INTERVAL_S
            total = self._descriptor.size
            self._progress(Event(self._descriptor, self._state, current, total))
