"""`--log-driver` and `--log-opt`: from words to what the supervisor's log writer is told.

See: Docker's pages on the json-file logging driver.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping

    from baleen.api import ContainerConfig, LogConfig

__all__ = ["LogSettings", "parse_log_config"]

_SIZE: Final = re.compile(
    r"([0-9]{1,15})(?:\.[0-9]{1,9})?\s?([bkmgt]?)(?:i?b)?", re.IGNORECASE | re.ASCII
)
_UNITS: Final = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_COUNT: Final = re.compile(r"[0-9]{1,6}", re.ASCII)
_KNOWN: Final = frozenset(
    {
        "compress", "env", "env-regex", "labels", "labels-regex", "max-buffer-size", "max-file",
        "max-size", "mode", "tag",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """What is logged where.

    Attributes:
        driver: "json-file" or "none".
        max_size: bytes after which the file is rotated, or None.
        max_file: how many files are kept, at least 1.
        labels: written with every line (`attrs`).
    """

    driver: str = "json-file"
    max_size: int | None = None
    max_file: int = 1
    labels: dict[str, str] = field(default_factory=dict)


def parse_log_config(log: LogConfig, config: ContainerConfig) -> LogSettings:
    """Return the settings of a container whose log configuration has the daemon's defaults in it.

    Raises:
        InvalidArgument: an unknown driver or option, or a malformed value.
    """
    driver = log.type or "json-file"
    if driver == "none":
        return LogSettings(driver="none")
    if driver != "json-file":
        raise InvalidArgument(f"logger: no log driver named '{driver[:64]}' is registered")
    for name in log.config:
        if name not in _KNOWN:
            raise InvalidArgument(f"unknown log opt '{name[:64]}' for json-file log driver")
    if log.config.get("mode", "blocking") not in ("blocking", "non-blocking"):
        raise InvalidArgument(f"logger: logging mode not supported: {log.config['mode'][:64]}")
    size = _parse_size(log.config["max-size"]) if log.config.get("max-size") else None
    count = log.config.get("max-file", "1")
    if _COUNT.fullmatch(count) is None:
        raise InvalidArgument(f"invalid value for max-file: {count[:64]!r}")
    if int(count) < 1:
        raise InvalidArgument("max-file cannot be less than 1")
    return LogSettings(max_size=size, max_file=int(count), labels=_attributes(log.config, config))


def _parse_size(text: str) -> int | None:
    match = _SIZE.fullmatch(text)
    if text == "-1":
        return None
    if match is None:
        raise InvalidArgument(f"invalid size: '{text[:64]}'")
    size = int(match[1]) * _UNITS[match[2].lower()]
    if size <= 0:
        raise InvalidArgument("max-size must be a positive number")
    return size


def _attributes(options: Mapping[str, str], config: ContainerConfig) -> dict[str, str]:
    """Return the labels and variables that the client wants with every line."""
    result = {
        name: config.labels[name]
        for name in options.get("labels", "").split(",")
        if name in config.labels
    }
    variables = dict(entry.split("=", 1) for entry in config.env if "=" in entry)
    result |= {
        name: variables[name] for name in options.get("env", "").split(",") if name in variables
    }
    if options.get("tag"):
        result["tag"] = options["tag"]
    return result
