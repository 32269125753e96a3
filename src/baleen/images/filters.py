"""Filters of `GET /images/json` and `POST /images/prune`.

See: Engine API, /images/json and /images/prune, parameter `filters`.
"""

from __future__ import annotations

import fnmatch
import time
from typing import TYPE_CHECKING

from baleen.api.booleans import parse_boolean
from baleen.api.timestamps import parse_timestamp
from baleen.errors import InvalidArgument
from baleen.oci.reference import parse_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from baleen.oci.reference import Reference

__all__ = [
    "LIST_FILTERS",
    "PRUNE_FILTERS",
    "check_names",
    "dangling",
    "label_matcher",
    "reference_matcher",
    "until_ns",
]

LIST_FILTERS = frozenset({"before", "dangling", "label", "label!", "reference", "since", "until"})
PRUNE_FILTERS = frozenset({"dangling", "label", "label!", "until"})
_PATTERN_LIMIT = 512

Filters = "Mapping[str, Sequence[str]]"


def check_names(filters: Mapping[str, Sequence[str]], accepted: frozenset[str]) -> None:
    """Raise InvalidArgument, in Docker's words, for a filter that does not exist."""
    for name in filters:
        if name not in accepted:
            raise InvalidArgument(f"invalid filter '{name}'")


def dangling(filters: Mapping[str, Sequence[str]]) -> bool | None:
    """Return the value of `dangling`, or None; InvalidArgument for no boolean."""
    values = set(filters.get("dangling", ()))
    if not values:
        return None
    found = {parse_boolean(value) for value in values}
    if found in ({True}, {False}):
        return found.pop()
    raise InvalidArgument(f"invalid filter 'dangling=[{' '.join(sorted(values))}]'")


def label_matcher(
    filters: Mapping[str, Sequence[str]],
) -> Callable[[Mapping[str, str]], bool]:
    """Return a test for labels: every `label` must match, no `label!` may."""
    wanted = [value.partition("=") for value in filters.get("label", ())]
    refused = [value.partition("=") for value in filters.get("label!", ())]

    def has(labels: Mapping[str, str], term: tuple[str, str, str]) -> bool:
        key, equals, value = term
        return key in labels and (not equals or labels[key] == value)

    return lambda labels: (
        all(has(labels, term) for term in wanted) and not any(has(labels, term) for term in refused)
    )


def reference_matcher(
    filters: Mapping[str, Sequence[str]],
) -> Callable[[Reference], bool] | None:
    """Return a test for names by the patterns of `reference`, or None when there are none.

    A pattern matches the familiar name with or without tag; `*` stays within a component.
    """
    patterns = filters.get("reference", ())
    if not patterns:
        return None
    for pattern in patterns:
        if len(pattern) > _PATTERN_LIMIT or pattern.count("*") > 8:
            raise InvalidArgument(f'invalid reference filter "{pattern[:64]}"')

    def matches(reference: Reference) -> bool:
        for pattern in patterns:
            for text in (reference.familiar_name, reference.familiar, str(reference)):
                if _glob(text, pattern):
                    return True
        return False

    return matches


def _glob(text: str, pattern: str) -> bool:
    parts, wanted = text.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(
        fnmatch.fnmatchcase(part, want) for part, want in zip(parts, wanted, strict=True)
    )


def until_ns(filters: Mapping[str, Sequence[str]]) -> int | None:
    """Return the earliest point in time of `until`, nanoseconds since the epoch, or None."""
    values = filters.get("until", ())
    return min((parse_timestamp(value, time.time_ns()) for value in values), default=None)


def parse_name(text: str) -> Reference:
    """Parse a name with its default tag."""
    return parse_reference(text).with_default_tag()
