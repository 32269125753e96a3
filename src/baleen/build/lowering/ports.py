"""EXPOSE's words: `port[-port][/protocol]`.

See: Dockerfile reference, EXPOSE; BuildKit, dockerfile2llb/convert_expose.go for the errors.
"""

from __future__ import annotations

import re

from baleen.errors import InvalidArgument

__all__ = ["exposed_ports"]

_RANGE = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
_PROTOCOLS = frozenset({"tcp", "udp", "sctp"})


def exposed_ports(word: str) -> list[str]:
    """Return the ports that a word names, each as `80/tcp`.

    An address or a port of the host before it (`127.0.0.1:8080:80`) is read over, as ever.

    Raises:
        InvalidArgument: `invalid containerPort: x`, `invalid proto: x`, ...
    """
    ports, _, protocol = word.rpartition(":")[2].partition("/")
    if not ports:
        raise InvalidArgument(f"no port specified: {word}<empty>")
    protocol = protocol.lower() or "tcp"
    if protocol not in _PROTOCOLS:
        raise InvalidArgument(f"invalid proto: {protocol}")
    match = _RANGE.fullmatch(ports)
    first = int(match[1]) if match else -1
    last = int(match[2] or match[1]) if match else -1
    if not 0 <= first <= last <= 65535:
        raise InvalidArgument(f"invalid containerPort: {ports}")
    return [f"{port}/{protocol}" for port in range(first, last + 1)]
