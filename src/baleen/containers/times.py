"""Time points as the API writes them: RFC 3339 in UTC with up to nine digits of a second.

Inside, a time point is an integer of nanoseconds since 1970 (a float has no room for them).

See: RFC 3339 section 5.6; Go's time.RFC3339Nano (trailing zeros of the fraction are cut).
"""

from __future__ import annotations

import calendar
import re
import time
from typing import Final

from baleen.errors import InvalidArgument

__all__ = ["format_time", "now_text", "parse_time", "parse_timestamp"]

_NS: Final = 1_000_000_000
_RFC3339: Final = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9})\d*)?"
    r"(?:[Zz]|([+-])(\d{2}):(\d{2}))",
    re.ASCII,
)
_UNIX: Final = re.compile(r"(-?)(\d{1,18})(?:\.(\d{1,9}))?", re.ASCII)


def format_time(nanoseconds: int) -> str:
    """Return e.g. "2026-01-02T03:04:05.6Z"."""
    seconds, fraction = divmod(nanoseconds, _NS)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    if not fraction:
        return text + "Z"
    return f"{text}.{fraction:09d}".rstrip("0") + "Z"


def now_text() -> str:
    """Return the present time as the API writes it."""
    return format_time(time.time_ns())


def parse_time(text: str) -> int:
    """Return the nanoseconds of an RFC 3339 time; negative before 1970.

    Raises:
        InvalidArgument: the text is not such a time.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise InvalidArgument(f"invalid time {text[:64]!r}: want RFC 3339")
    year, month, day, hour, minute, second = (int(match[number]) for number in range(1, 7))
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second <= 60):
        raise InvalidArgument(f"invalid time {text[:64]!r}: a field is out of range")
    seconds = calendar.timegm((year, month, day, hour, minute, second))
    if match[8]:
        offset = int(match[9]) * 3600 + int(match[10]) * 60
        seconds += -offset if match[8] == "+" else offset
    return seconds * _NS + int((match[7] or "").ljust(9, "0"))


def parse_timestamp(unsafe_text: str, *, parameter: str) -> int | None:
    """Return the nanoseconds of a `since` or `until` parameter: "seconds[.fraction]"; "" is None.

    Raises:
        InvalidArgument: the text is neither that nor an RFC 3339 time.
    """
    if not unsafe_text:
        return None
    match = _UNIX.fullmatch(unsafe_text)
    if match is not None:
        value = int(match[2]) * _NS + int((match[3] or "").ljust(9, "0"))
        return -value if match[1] else value
    try:
        return parse_time(unsafe_text)
    except InvalidArgument:
        raise InvalidArgument(
            f'invalid value for "{parameter}": failed to parse value as time or duration: '
            f'"{unsafe_text[:64]}"'
        ) from None
