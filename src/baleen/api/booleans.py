"""Truth values as text, in all the forms that Go's programs take.

See: Go, strconv.ParseBool.
"""

from __future__ import annotations

__all__ = ["parse_boolean"]

_VALUES = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}


def parse_boolean(text: str) -> bool | None:
    """Return what the text says; None where it says neither."""
    return _VALUES.get(text)
