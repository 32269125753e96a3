"""Sizes, durations, numbers of processors, points in time.

Sources: docker/go-units `RAMInBytes`, Go's time.ParseDuration, the reference of `docker logs`.
"""

from __future__ import annotations

from baleen.errors import InvalidArgument

__all__ = ["parse_cpus", "parse_duration", "parse_size", "parse_swap_size", "parse_timestamp"]

_DIGITS = "0123456789"
_POWERS = {"k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_NANOSECONDS = {
    "ns": 1,
    "us": 1_000,
    "\u00b5s": 1_000,
    "\u03bcs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_MAX_INT64 = (1 << 63) - 1


def _decimal(text: str, digits: int) -> int | None:
    """`text` (`12`, `1.5`, `.5`, `3.`) times 10**digits, cut; None if it is no such number."""
    whole, dot, fraction = text.partition(".")
    if not (whole or fraction) or len(text) > 40:
        return None
    if any(c not in _DIGITS for c in whole + fraction) or (dot and "." in fraction):
        return None
    return int((whole or "0") + fraction[:digits].ljust(digits, "0"))


def parse_size(text: str) -> int:
    """Bytes of `512`, `1.5g`, `64MiB`, `100 kb`; units are powers of 1024.

    Raises:
        InvalidArgument: something else, or more than 64 bits hold.
    """
    end = max((text.rfind(c) for c in _DIGITS + ". "), default=-1)
    if end < 0:
        raise InvalidArgument(f"invalid size: '{text}'")
    number, suffix = text[: end + 1], text[end + 1 :].lower()
    number = number.removesuffix(" ")
    value = _decimal(number, 9)
    if value is None:
        raise InvalidArgument(f"invalid size: '{text}'")
    power = 0
    if suffix not in {"", "b"}:
        if suffix[0] not in _POWERS or suffix[1:] not in {"", "b", "ib"}:
            raise InvalidArgument(f"invalid suffix: '{suffix}'")
        power = _POWERS[suffix[0]]
    result = value * int(1024**power) // 10**9
    if result > _MAX_INT64:
        raise InvalidArgument(f"invalid size: '{text}' is too large")
    return result


def parse_swap_size(text: str) -> int:
    """A size, or -1 for no limit."""
    return -1 if text == "-1" else parse_size(text)


def parse_duration(text: str) -> int:
    """Nanoseconds of `1h2m3.5s`, as Go's time.ParseDuration.

    Raises:
        InvalidArgument: no unit, an unknown unit, or more than 290 years.
    """
    rest = text[1:] if text[:1] in {"-", "+"} else text
    if rest == "0":
        return 0
    if not rest:
        raise InvalidArgument(f'time: invalid duration "{text}"')
    total = 0
    while rest:
        size = 0
        while size < len(rest) and rest[size] in _DIGITS + ".":
            size += 1
        number, rest = rest[:size], rest[size:]
        size = 0
        while size < len(rest) and rest[size] not in _DIGITS + ".":
            size += 1
        unit, rest = rest[:size], rest[size:]
        value = _decimal(number, 9)
        if value is None:
            raise InvalidArgument(f'time: invalid duration "{text}"')
        if not unit:
            raise InvalidArgument(f'time: missing unit in duration "{text}"')
        if unit not in _NANOSECONDS:
            raise InvalidArgument(f'time: unknown unit "{unit}" in duration "{text}"')
        total += value * _NANOSECONDS[unit] // 10**9
    if total > _MAX_INT64:
        raise InvalidArgument(f'time: invalid duration "{text}"')
    return -total if text[0] == "-" else total


def parse_cpus(text: str) -> int:
    """Billionths of a processor of `1.5`.

    Raises:
        InvalidArgument: not a decimal number, or more precise than a billionth.
    """
    value = _decimal(text, 9)
    if value is None:
        raise InvalidArgument(f"failed to parse {text} as a rational number")
    if text.partition(".")[2][9:].strip("0"):
        raise InvalidArgument("value is too precise")
    if value > _MAX_INT64:
        raise InvalidArgument(f"{text} is too large")
    return value


def parse_timestamp(text: str, *, now: float) -> str:
    """`--since` and `--until` as the API takes them: seconds with nine decimals.

    Takes a Unix time, a Go duration before `now`, or a date with or without time and zone (local
    time without one).

    Raises:
        InvalidArgument: none of these.
    """
    seconds, _, fraction = text.partition(".")
    sign = "-" if seconds.startswith("-") else ""
    if all(
        part.isascii() and part.isdigit() for part in (seconds.removeprefix("-"), fraction or "0")
    ):
        if len(seconds) > 18:
            raise InvalidArgument(f'failed to parse value as time or duration: "{text}"')
        return f"{sign}{int(seconds.removeprefix('-'))}.{fraction[:9].ljust(9, '0')}"
    try:
        before = parse_duration(text)
    except InvalidArgument:
        return _parse_date(text)
    nanoseconds = int(now * 1e6) * 1000 - before
    return f"{nanoseconds // 10**9}.{nanoseconds % 10**9:09d}"


def _parse_date(text: str) -> str:
    from baleen.cli.formatting.humanize import parse_rfc3339

    date, separator, clock = text.partition("T")
    if not separator:
        clock, zone = "", ""
        if date.endswith("Z"):
            date, zone = date[:-1], "Z"
    else:
        clock, zone = _split_zone(clock)
    parts = clock.split(":") if clock else []
    if len(parts) > 3:
        raise InvalidArgument(f'failed to parse value as time or duration: "{text}"')
    last = parts[2] if len(parts) == 3 else "00"
    hours, minutes = (*parts[:2], "00", "00")[:2]
    full = f"{date}T{hours}:{minutes}:{last}"
    try:
        moment = parse_rfc3339(full + (zone or "Z"))
    except InvalidArgument as err:
        raise InvalidArgument(f'failed to parse value as time or duration: "{text}"') from err
    fraction = last.partition(".")[2][:9].ljust(9, "0")
    if not zone:
        import time

        moment = time.mktime((*time.gmtime(moment)[:8], -1))
    return f"{int(moment // 1)}.{fraction}"


def _split_zone(clock: str) -> tuple[str, str]:
    if clock.endswith("Z"):
        return clock[:-1], "Z"
    for sign in "+-":
        main, found, zone = clock.rpartition(sign)
        if found:
            return main, sign + zone
    return clock, ""
