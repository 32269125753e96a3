"""`--filter KEY=VALUE` as the `filters` parameter of the API."""

from __future__ import annotations

import json

from baleen.errors import InvalidArgument

__all__ = ["encode_filters", "parse_filter"]


def parse_filter(text: str) -> tuple[str, str]:
    """Key and value of one filter; keys are not case-sensitive.

    Raises:
        InvalidArgument: no `=`.
    """
    key, equals, value = text.partition("=")
    if not equals:
        raise InvalidArgument("bad format of filter (expected name=value)")
    return key.strip().lower(), value.strip()


def encode_filters(filters: list[tuple[str, str]]) -> str | None:
    """The parameter's text, or None without filters."""
    if not filters:
        return None
    result: dict[str, list[str]] = {}
    for key, value in filters:
        result.setdefault(key, []).append(value)
    return json.dumps(result, separators=(",", ":"))
