"""The life of a container as an enum and a table of allowed moves.

    created ──► running ◄──► paused
       │         │  ▲  │
       │         ▼  │  └──► restarting ──► running | exited
       │       exited
       ▼         ▼
    removing ──► (gone) | dead ──► removing

A start that failed leaves `created` (never ran) or `exited`; `dead` is a container whose removal
began and could not be finished.

See: Engine API v1.55, definition ContainerState.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from baleen.errors import Conflict

__all__ = ["Status", "check_move"]


class Status(StrEnum):
    """What the API calls `State.Status`."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"

    @property
    def is_active(self) -> bool:
        """Whether the container holds a process, or its supervisor is about to start one again."""
        return self in _ACTIVE


_ACTIVE: Final = frozenset({Status.RUNNING, Status.PAUSED, Status.RESTARTING})

_MOVES: Final[dict[Status, frozenset[Status]]] = {
    Status.CREATED: frozenset({Status.RUNNING, Status.EXITED, Status.REMOVING}),
    Status.RUNNING: frozenset({Status.PAUSED, Status.RESTARTING, Status.EXITED}),
    Status.PAUSED: frozenset({Status.RUNNING, Status.RESTARTING, Status.EXITED}),
    Status.RESTARTING: frozenset({Status.RUNNING, Status.EXITED}),
    Status.EXITED: frozenset({Status.RUNNING, Status.RESTARTING, Status.REMOVING}),
    Status.REMOVING: frozenset({Status.DEAD}),
    Status.DEAD: frozenset({Status.REMOVING}),
}


def check_move(container_id: str, old: Status, new: Status) -> None:
    """Accept a move of the table, or staying in the same state.

    Raises:
        Conflict: a container in `old` cannot become `new`.
    """
    if new is not old and new not in _MOVES[old]:
        raise Conflict(f"container {container_id} is {old}: it cannot become {new}")
