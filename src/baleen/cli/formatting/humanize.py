"""Sizes and durations as Docker words them."""

from __future__ import annotations

from baleen.errors import InvalidArgument

__all__ = [
    "ago",
    "binary_size",
    "decimal_size",
    "duration",
    "ellipsis",
    "format_rfc3339",
    "parse_rfc3339",
    "short_id",
]

_DECIMAL = ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB")


def _scaled(size: float, base: float, units: tuple[str, ...], precision: int) -> str:
    index = 0
    while size >= base and index < len(units) - 1:
        size /= base
        index += 1
    return f"{size:.{precision}g}{units[index]}"


def decimal_size(size: float, precision: int = 4) -> str:
    """`4.262MB`: powers of 1000, four significant digits unless told otherwise."""
    return _no_exponent(_scaled(size, 1000.0, _DECIMAL, precision))


def binary_size(size: float, precision: int = 4) -> str:
    """`7.652GiB`: powers of 1024."""
    return _no_exponent(_scaled(size, 1024.0, _BINARY, precision))


def _no_exponent(text: str) -> str:
    """Go's %.3g and Python's agree, but for 1e+03 next to a unit: write it out."""
    if "e+" not in text:
        return text
    number, _, rest = text.partition("e+")
    digits = rest[:2]
    return f"{float(number) * 10 ** int(digits):.0f}{rest[2:]}"


def duration(seconds: float) -> str:
    """`5 seconds`, `About a minute`, `2 weeks`: the age of something."""
    whole = int(seconds)
    if whole < 1:
        return "Less than a second"
    if whole == 1:
        return "1 second"
    if whole < 60:
        return f"{whole} seconds"
    minutes = whole // 60
    if minutes == 1:
        return "About a minute"
    if minutes < 60:
        return f"{minutes} minutes"
    # Hours are rounded, as Go's units package does.
    hours = int(seconds / 3600 + 0.5)
    if hours == 1:
        return "About an hour"
    for limit, size, unit in (
        (48, 1, "hours"),
        (24 * 7 * 2, 24, "days"),
        (24 * 30 * 2, 24 * 7, "weeks"),
        (24 * 365 * 2, 24 * 30, "months"),
    ):
        if hours < limit:
            return f"{hours // size} {unit}"
    return f"{int(seconds / 3600) // 24 // 365} years"


def ago(created: float, now: float) -> str:
    """`3 minutes ago`."""
    return f"{duration(now - created)} ago"


def ellipsis(text: str, width: int) -> str:
    """`text` cut to `width` characters, the last one an ellipsis."""
    if len(text) <= width:
        return text
    return text[: width - 1] + "\N{HORIZONTAL ELLIPSIS}" if width > 1 else text[:width]


def short_id(identifier: str) -> str:
    """The first twelve digits of an id, without its algorithm."""
    return identifier.rpartition(":")[2][:12]


def parse_rfc3339(text: str) -> float:
    """A time as seconds since the epoch (microseconds are kept).

    Raises:
        InvalidArgument: not RFC 3339.
    """
    from datetime import UTC, datetime, timedelta, timezone

    main, fraction, zone = _split_rfc3339(text)
    try:
        base = datetime.strptime(main, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
        if zone != "Z":
            offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
            base = base.replace(tzinfo=timezone(-offset if zone[0] == "-" else offset))
    except ValueError as err:
        raise InvalidArgument(f'not a time: "{text}"') from err
    return base.timestamp() + (int(fraction[:9].ljust(9, "0")) / 1e9 if fraction else 0.0)


def _split_rfc3339(text: str) -> tuple[str, str, str]:
    main, rest = text[:19], text[19:]
    fraction = ""
    if rest.startswith("."):
        end = 1
        while end < len(rest) and rest[end] in "0123456789":
            end += 1
        fraction, rest = rest[1:end], rest[end:]
        if not fraction:
            rest = ""
    digits = rest[1:3] + rest[4:6]
    good_zone = rest == "Z" or (
        len(rest) == 6
        and rest[0] in "+-"
        and rest[3] == ":"
        and digits.isascii()
        and digits.isdigit()
    )
    if len(main) != 19 or not main.isascii() or not good_zone:
        raise InvalidArgument(f'not a time: "{text}"')
    return main, fraction, rest


def format_rfc3339(seconds: int, nanoseconds: int) -> str:
    """A local time with nine digits and its offset, as `docker events` prints it."""
    import time

    local = time.localtime(seconds)
    zone = time.strftime("%z", local)
    zone = f"{zone[:3]}:{zone[3:]}" if zone and int(zone) else "Z"
    return time.strftime("%Y-%m-%dT%H:%M:%S", local) + f".{nanoseconds:09d}{zone}"
