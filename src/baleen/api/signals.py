"""Signals by number or by name, as `docker kill` and STOPSIGNAL take them.

See: signal(7); moby `pkg/signal` (github.com/moby/sys/signal).
"""

from __future__ import annotations

import re
import signal

from baleen.errors import InvalidArgument

__all__ = ["parse_signal", "signal_name"]

_RT_MIN, _RT_MAX = 34, 64
"""The C library keeps 32 and 33 for itself."""

_NUMBER = re.compile(r"[0-9]{1,3}")
_NUMBERS = {
    item.name.removeprefix("SIG"): int(item)
    for item in signal.Signals
    if item.name not in ("SIGRTMIN", "SIGRTMAX")
} | {"IOT": 6, "POLL": 29, "STKFLT": 16, "CLD": 17, "UNUSED": 31}
_NUMBERS |= {"RTMIN": _RT_MIN, "RTMAX": _RT_MAX}
_NUMBERS |= {f"RTMIN+{step}": _RT_MIN + step for step in range(1, 16)}
_NUMBERS |= {f"RTMAX-{step}": _RT_MAX - step for step in range(1, 15)}


def parse_signal(text: str) -> int:
    """Return the number of `SIGKILL`, `kill`, `9` or `RTMIN+3`; raises InvalidArgument."""
    if _NUMBER.fullmatch(text):
        number = int(text)
        if 0 < number <= _RT_MAX:
            return number
    else:
        found = _NUMBERS.get(text.upper().removeprefix("SIG"))
        if found is not None and text.isascii():
            return found
    raise InvalidArgument(f"invalid signal: {text[:32]}")


def signal_name(number: int) -> str:
    """Return `SIGTERM` for 15, or the number as text for one that has no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
