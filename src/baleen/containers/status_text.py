"""The human sentence of `docker ps`: "Up 5 seconds", "Exited (0) 3 minutes ago".

Each text comes with the moment from which it is no longer true, so that an encoded list can be
kept until then.

See: the STATUS column in the reference of `docker container ls`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from baleen.containers.record import ZERO_TIME
from baleen.containers.state import Status
from baleen.containers.times import parse_time

if TYPE_CHECKING:
    from baleen.containers.record import ContainerRecord

__all__ = ["FOREVER", "human_duration", "status_text"]

FOREVER: Final = float("inf")

_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
_HALF_HOUR: Final = _HOUR // 2


def human_duration(seconds: float) -> tuple[str, float]:
    """Return the text for a length of time, and the length at which it changes (in seconds).

    Hours are rounded to the nearest, everything else is cut, as in Docker's own texts.
    """
    whole = int(seconds)
    if seconds < 1:
        return "Less than a second", 1
    if whole < _MINUTE:
        return ("1 second" if whole == 1 else f"{whole} seconds"), whole + 1
    minutes = whole // _MINUTE
    if minutes < 60:
        return (
            ("About a minute" if minutes == 1 else f"{minutes} minutes"),
            (minutes + 1) * _MINUTE,
        )
    hours = (whole + _HALF_HOUR) // _HOUR
    if hours < 48:
        text = "About an hour" if hours == 1 else f"{hours} hours"
        return text, (hours + 1) * _HOUR - _HALF_HOUR
    return _long_duration(hours)


def _long_duration(hours: int) -> tuple[str, float]:
    if hours < 24 * 7 * 2:
        unit, name = 24, "days"
    elif hours < 24 * 30 * 2:
        unit, name = 24 * 7, "weeks"
    elif hours < 24 * 365 * 2:
        unit, name = 24 * 30, "months"
    else:
        unit, name = 24 * 365, "years"
    # The next whole hour is soon enough to look again; texts of days change at no finer step.
    return f"{hours // unit} {name}", (hours + 1) * _HOUR - _HALF_HOUR


def status_text(record: ContainerRecord, now: float) -> tuple[str, float]:
    """Return the text at `now` (Unix seconds), and the time from which it has to be made anew."""
    status = record.status
    if status is Status.RUNNING or status is Status.PAUSED:
        text, until = _since(record.started_at, now)
        if status is Status.PAUSED:
            return f"Up {text} (Paused)", until
        health = "" if record.health is None else record.health.status
        if health in ("", "none"):
            return f"Up {text}", until
        return f"Up {text} ({'health: starting' if health == 'starting' else health})", until
    if status is Status.RESTARTING:
        text, until = _since(record.finished_at, now)
        return f"Restarting ({record.exit_code}) {text} ago", until
    if status is Status.EXITED:
        if record.finished_at == ZERO_TIME:
            return "Created", FOREVER
        text, until = _since(record.finished_at, now)
        return f"Exited ({record.exit_code}) {text} ago", until
    return _FIXED[status], FOREVER


_FIXED: Final = {
    Status.CREATED: "Created",
    Status.REMOVING: "Removal In Progress",
    Status.DEAD: "Dead",
}


def _since(text: str, now: float) -> tuple[str, float]:
    start = parse_time(text) / 1e9
    human, change = human_duration(now - start)
    return human, start + change
