"""Keeps web pages away from an API on a TCP port.

A browser can be made to send requests to any address by any page, directly or by a name that
an attacker points at us (DNS rebinding). What a browser sends carries `Origin` or
`Sec-Fetch-Site`, which no client of the API does; and a rebound name arrives in `Host`, where we
accept only addresses and names that the listener is meant to have.

See: tests/security/README.md, case D04; Fetch standard, "Origin header".
"""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

from baleen.errors import PermissionDenied

if TYPE_CHECKING:
    from collections.abc import Iterable

    from baleen.daemon.http_messages import Request

__all__ = ["OriginGuard"]

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z_.-]{1,253})(?::[0-9]{0,5})?")
_ADDRESS = re.compile(r"\[.*\]|[0-9]{1,3}(?:\.[0-9]{1,3}){3}")


class OriginGuard:
    """Refuses, before anything is done, what a browser sends to a TCP listener."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = {"localhost", socket.gethostname().lower()} | {n.lower() for n in names}

    def check(self, request: Request) -> None:
        """Raise PermissionDenied for a request that a web page made."""
        headers = request.headers
        if "origin" in headers or "sec-fetch-site" in headers:
            raise PermissionDenied("requests from web pages are not allowed")
        match = _HOST.fullmatch(headers.get("host", "localhost"))
        name = match[1].lower() if match is not None else ""
        if not _ADDRESS.fullmatch(name) and name.rstrip(".") not in self._names:
            raise PermissionDenied(
                f'the host name "{name[:64]}" is not one of this daemon: use its address'
            )
