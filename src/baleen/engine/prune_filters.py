"""What `prune` of containers and networks takes, by the filters that both understand.

See: Engine API, /containers/prune and /networks/prune: label, label!, until.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from baleen.api.timestamps import parse_timestamp
from baleen.containers.filters import match_labels
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["check_prune_filters", "is_prunable"]

_FILTERS = frozenset({"label", "label!", "until"})


def check_prune_filters(filters: Mapping[str, Sequence[str]]) -> None:
    """Refuse a filter that is not one of these (InvalidArgument)."""
    for name in filters:
        if name not in _FILTERS:
            raise InvalidArgument(f"invalid filter '{name}'")


def is_prunable(
    labels: Mapping[str, str], created: str, filters: Mapping[str, Sequence[str]]
) -> bool:
    """Whether an object with these labels, made at `created` (RFC 3339), passes the filters.

    Raises:
        InvalidArgument: a malformed time.
    """
    if not match_labels(labels, filters.get("label", ())):
        return False
    if any(match_labels(labels, [unwanted]) for unwanted in filters.get("label!", ())):
        return False
    now = time.time_ns()
    made = parse_timestamp(created, now)
    return all(made < parse_timestamp(value, now) for value in filters.get("until", ()))
