"""The `filters` query parameter: a JSON map of names to sets of values.

Two spellings are accepted, as in dockerd: `{"label": {"a=b": true}}` and the older
`{"label": ["a=b"]}`.

See: Engine API v1.55, parameter `filters`; moby `api/types/filters`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["parse_filters"]

_MAP = msgspec.json.Decoder(dict[str, dict[str, bool] | list[str] | None])


def parse_filters(text: str, accepted: Collection[str] | None = None) -> dict[str, list[str]]:
    """Return name -> values; raises InvalidArgument if malformed or a name is not accepted.

    `accepted` None takes every name. A value that is mapped to false counts as not given.
    """
    if not text:
        return {}
    try:
        raw = _MAP.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as err:
        raise InvalidArgument("invalid filter") from err
    result: dict[str, list[str]] = {}
    for name, values in raw.items():
        if accepted is not None and name not in accepted:
            raise InvalidArgument(f"invalid filter '{name}'")
        if isinstance(values, dict):
            result[name] = [value for value, given in values.items() if given]
        else:
            result[name] = list(dict.fromkeys(values or ()))
    return result
