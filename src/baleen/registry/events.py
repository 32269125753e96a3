"""What happened to the content of a registry, for whoever wants to be told.

An event is emitted after the fact is durable and before the client has its answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from baleen.registry.access import Actor
    from baleen.registry.messages import Request

__all__ = ["Event", "EventAction", "EventSink", "Silence"]


class EventAction(StrEnum):
    """The actions of distribution's notifications."""

    PULL = "pull"
    PUSH = "push"
    MOUNT = "mount"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Event:
    """One fact.

    Attributes:
        action: what was done. `pull` is a GET or HEAD that was answered with 200 or 206.
        repository: where.
        digest: of the manifest or blob; empty when a tag was deleted.
        media_type: of a manifest; `application/octet-stream` for a blob.
        size: bytes of the content; 0 for a deletion.
        tag: by which a manifest was asked for, pushed, or which was deleted; or empty.
        source: of a mount, the repository where the blob was.
        actor: who did it.
        request: by which request; None for work of the registry's own, such as retention.
    """

    action: EventAction
    repository: str
    digest: str
    media_type: str
    size: int
    tag: str
    source: str
    actor: Actor
    request: Request | None


class EventSink(Protocol):
    """Takes events."""

    def emit(self, event: Event) -> None:
        """Note `event`; never blocks, never raises."""
        ...


class Silence:
    """Nobody wants to be told."""

    def emit(self, event: Event) -> None:
        """Drop it."""
