"""Versions of the Engine API: which ones are spoken, and how a request names one.

See: Engine API v1.55, "Versioning"; moby `daemon/server/middleware/version.go`.
"""

from __future__ import annotations

import re

from baleen.errors import InvalidArgument

__all__ = ["MAXIMUM", "MAXIMUM_TEXT", "MINIMUM", "MINIMUM_TEXT", "negotiate", "parse_version"]

MINIMUM = (1, 24)
MAXIMUM = (1, 55)
MINIMUM_TEXT = "1.24"
MAXIMUM_TEXT = "1.55"

_GRAMMAR = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})")


def parse_version(text: str) -> tuple[int, int]:
    """Return (major, minor) of `1.43`; raises InvalidArgument for anything else."""
    match = _GRAMMAR.fullmatch(text)
    if match is None:
        raise InvalidArgument(f"invalid API version {text[:32]!r}")
    return int(match[1]), int(match[2])


def negotiate(text: str) -> tuple[int, int]:
    """Return the version that a path names; raises InvalidArgument if it is not spoken here."""
    version = parse_version(text)
    if version > MAXIMUM:
        raise InvalidArgument(
            f"client version {text} is too new. Maximum supported API version is {MAXIMUM_TEXT}"
        )
    if version < MINIMUM:
        raise InvalidArgument(
            f"client version {text} is too old. Minimum supported API version is {MINIMUM_TEXT}, "
            "please upgrade your client to a newer version"
        )
    return version
