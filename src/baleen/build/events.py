"""What a solver tells while it works; every vertex has exactly one `Started` and one end.

    Started -> (Log | Status)* -> Completed | Cached | Failed | Cancelled

Vertices are known by their digest; two vertices of one plan that are equal give one series. Times
are nanoseconds since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from baleen.build.graph import Vertex
    from baleen.build.solver.why import Verdict
    from baleen.build.trees import Tree

__all__ = [
    "Cached",
    "Cancelled",
    "Completed",
    "Event",
    "Failed",
    "Log",
    "Observer",
    "Started",
    "Status",
]


@dataclass(frozen=True, slots=True)
class _Event:
    vertex: Vertex
    time_ns: int

    @property
    def digest(self) -> str:
        """The vertex's."""
        return self.vertex.digest


@dataclass(frozen=True, slots=True)
class Started(_Event):
    """Its inputs are there and it is looked at: in the cache, then it runs."""


@dataclass(frozen=True, slots=True)
class Status(_Event):
    """One line about what goes on."""

    text: str


@dataclass(frozen=True, slots=True)
class Log(_Event):
    """Output of a process; `stream` 1 or 2."""

    stream: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Completed(_Event):
    """It has run. `shared`: another build's run was waited for."""

    outputs: tuple[Tree, ...]
    verdict: Verdict | None = None
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Cached(_Event):
    """The cache had it."""

    outputs: tuple[Tree, ...]
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Failed(_Event):
    """It has failed; the build ends."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Cancelled(_Event):
    """It was given up, because another step failed or the client went."""


Event: TypeAlias = Started | Status | Log | Completed | Cached | Failed | Cancelled


class Observer(Protocol):
    """Takes the events of one build, in order, in the event loop. Must not block or raise."""

    def __call__(self, event: Event) -> None:
        """Take one event."""
