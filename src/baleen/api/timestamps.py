"""Points in time and durations as the API spells them, exact to the nanosecond.

Times are Unix times in nanoseconds (int); durations are nanoseconds (int). Python's own parsers
accept more than Go's (`1_0`, Arabic digits, `1e3`), so the grammars are written out here.

See: Engine API v1.55, `since`/`until`; Go time.ParseDuration, RFC 3339 section 5.6.
"""

from __future__ import annotations

import re
from calendar import timegm
from time import gmtime

from baleen.errors import InvalidArgument

__all__ = ["ZERO_TIME", "format_rfc3339_nano", "parse_duration", "parse_rfc3339", "parse_timestamp"]

ZERO_TIME = "0001-01-01T00:00:00Z"
"""What Go prints for a time that was never set."""

_SECOND = 1_000_000_000
_UNITS = {
    "ns": 1,
    "us": 1_000,
    "\N{MICRO SIGN}s": 1_000,
    "\N{GREEK SMALL LETTER MU}s": 1_000,
    "ms": 1_000_000,
    "s": _SECOND,
    "m": 60 * _SECOND,
    "h": 3600 * _SECOND,
}
_PART = re.compile(
    "([0-9]{0,20})(?:\\.([0-9]{0,40}))?(ns|us|\N{MICRO SIGN}s|\N{GREEK SMALL LETTER MU}s|ms|s|m|h)"
)
_NUMBER = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)([^0-9.]*)")
_UNIX = re.compile(r"(-?[0-9]{1,12})(?:\.([0-9]{1,18}))?")
_DATE = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:T([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?)?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_LIMIT = 2**63


def parse_duration(text: str) -> int:
    """Return the nanoseconds in `1h15m30.918s`; raises InvalidArgument."""
    body = text[1:] if text[:1] in ("+", "-") else text
    if body == "0":
        return 0
    total, position = 0, 0
    while position < len(body):
        match = _PART.match(body, position)
        if match is None or not (match[1] or match[2]):
            break
        unit = _UNITS[match[3]]
        total += int(match[1] or "0") * unit
        if match[2]:
            total += int(match[2]) * unit // 10 ** len(match[2])
        position = match.end()
    if not body or position < len(body) or total >= _LIMIT:
        raise InvalidArgument(_duration_problem(text, body[position:]))
    return -total if text[0] == "-" else total


def _duration_problem(text: str, rest: str) -> str:
    """Return Go's words for a duration that cannot be read from `rest` on."""
    number = _NUMBER.match(rest)
    if number is None or number[1] in _UNITS:
        return f'time: invalid duration "{text[:64]}"'
    if not number[1]:
        return f'time: missing unit in duration "{text[:64]}"'
    return f'time: unknown unit "{number[1][:64]}" in duration "{text[:64]}"'


def parse_rfc3339(text: str) -> int:
    """Return the Unix time in ns of an RFC 3339 time, or a prefix of one from the date on.

    A missing time of day is midnight and a missing zone is UTC, as dockerd reads them on a host
    that runs in UTC. Raises InvalidArgument.
    """
    match = _DATE.fullmatch(text)
    if match is None:
        raise InvalidArgument(f'cannot parse "{text[:64]}" as a time')
    year, month, day, hour, minute, second = (int(part or "0") for part in match.groups()[:6])
    if not (1 <= month <= 12 and 1 <= day <= _days(year, month)) or hour > 23 or minute > 59:
        raise InvalidArgument(f'cannot parse "{text[:64]}" as a time: out of range')
    if second > 59:
        raise InvalidArgument(f'cannot parse "{text[:64]}" as a time: second out of range')
    seconds = timegm((year, month, day, hour, minute, second)) - _offset(match[8])
    return seconds * _SECOND + int((match[7] or "").ljust(9, "0"))


def _days(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _offset(zone: str | None) -> int:
    if zone is None or zone == "Z":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if hours > 23 or minutes > 59:
        raise InvalidArgument(f'time zone "{zone}" is out of range')
    return (hours * 3600 + minutes * 60) * (-1 if zone[0] == "-" else 1)


def parse_timestamp(text: str, now_ns: int) -> int:
    """Return the Unix time in ns that `text` names: `unix[.fraction]`, RFC 3339 or a duration ago.

    Raises InvalidArgument.
    """
    match = _UNIX.fullmatch(text)
    if match is not None:
        fraction = int((match[2] or "").ljust(9, "0")[:9])
        seconds = int(match[1])
        return seconds * _SECOND + (-fraction if text[0] == "-" else fraction)
    if len(text) >= 10 and text[4:5] == "-":
        return parse_rfc3339(text)
    try:
        return now_ns - parse_duration(text)
    except InvalidArgument as err:
        raise InvalidArgument(
            f'invalid timestamp "{text[:64]}": want Unix seconds, RFC 3339 or a duration'
        ) from err


def format_rfc3339_nano(unix_ns: int) -> str:
    """Return the time as Go's RFC3339Nano does: UTC, trailing zeros of the fraction cut."""
    seconds, fraction = divmod(unix_ns, _SECOND)
    when = gmtime(seconds)
    text = (
        f"{when.tm_year:04}-{when.tm_mon:02}-{when.tm_mday:02}"
        f"T{when.tm_hour:02}:{when.tm_min:02}:{when.tm_sec:02}"
    )
    if fraction:
        text += "." + f"{fraction:09}".rstrip("0")
    return text + "Z"
