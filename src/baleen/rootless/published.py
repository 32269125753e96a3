"""The holder's side of published ports: who asks for one holds it as long as the connection.

On a SOCK_SEQPACKET unix socket, one JSON object to a datagram::

    daemon ─► {"op": "publish", "protocol": "tcp", "host": ["0.0.0.0", 8080],
               "target": ["172.17.0.2", 80]}
    holder ─► outside: make a socket for that address      ◄─ the socket, or an errno
           ◄─ {"errno": 0}

The connection is the lease: it is given to the container's supervisor, as a bound port is by a
daemon of root, and the port is given back when the last copy of it is closed, however that
happens. ``{"op": "move", ...}`` gives a published port another target.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
from contextlib import suppress
from select import EPOLLIN
from typing import TYPE_CHECKING, Final

from baleen.rootless.relays import TcpRelay, UdpRelay

if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.rootless.relays import Target
    from baleen.runtime.poller import Poller

__all__ = ["MESSAGE_BYTES", "PublishedPorts", "Wanted", "parse_wanted"]

MESSAGE_BYTES: Final = 4096

Wanted = tuple[str, str, int]
"""Protocol, host address, host port."""


def parse_wanted(document: dict[str, object], *, target: bool = True) -> tuple[Wanted, Target]:
    """Return what a request names; raises ValueError."""
    protocol = document.get("protocol")
    if protocol not in ("tcp", "udp"):
        raise ValueError("protocol")
    host = _address(document.get("host"))
    where = _address(document.get("target")) if target else ("", 0)
    return (str(protocol), *host), where


def _address(value: object) -> Target:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("address")
    text, port = value
    if not isinstance(text, str) or type(port) is not int or not 0 < port < 65536:
        raise ValueError("address")
    try:
        socket.inet_pton(socket.AF_INET, text)
    except OSError as err:
        raise ValueError("address") from err
    return text, port


class PublishedPorts:
    """Serves the socket. `bind` makes a socket in the host's network (OSError)."""

    def __init__(
        self, poller: Poller, listener: socket.socket, bind: Callable[[Wanted], socket.socket]
    ) -> None:
        self._poller = poller
        self._listener = listener
        self._bind = bind
        self._ports: dict[Wanted, TcpRelay | UdpRelay] = {}
        poller.add(listener.fileno(), EPOLLIN, self._on_connection)

    def _on_connection(self, _events: int) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        connection.setblocking(False)
        _Lease(self, self._poller, connection)

    def publish(self, wanted: Wanted, target: Target) -> None:
        """Serve a port. Raises OSError."""
        if wanted in self._ports:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        bound = self._bind(wanted)
        kind = TcpRelay if wanted[0] == "tcp" else UdpRelay
        self._ports[wanted] = kind(self._poller, bound, target)

    def move(self, wanted: Wanted, target: Target) -> None:
        """Let new connections go elsewhere. Raises FileNotFoundError if it is not published."""
        relay = self._ports.get(wanted)
        if relay is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        relay.target = target

    def withdraw(self, wanted: Wanted) -> None:
        """Close a port; idempotent."""
        relay = self._ports.pop(wanted, None)
        if relay is not None:
            relay.close()


class _Lease:
    """A connection, and the port that is held by it."""

    def __init__(self, ports: PublishedPorts, poller: Poller, connection: socket.socket) -> None:
        self._ports = ports
        self._poller = poller
        self._connection = connection
        self._held: Wanted | None = None
        poller.add(connection.fileno(), EPOLLIN, self._on_message)

    def _on_message(self, _events: int) -> None:
        try:
            data = self._connection.recv(MESSAGE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._end()
            return
        try:
            number = self._serve(data)
        except (ValueError, OSError, RecursionError) as err:
            number = (err.errno or errno.EIO) if isinstance(err, OSError) else errno.EINVAL
            print(f"baleen holder: {data[:200]!r}: {err}", file=sys.stderr)  # noqa: T201
        with suppress(OSError):
            self._connection.send(json.dumps({"errno": number}).encode(), socket.MSG_NOSIGNAL)

    def _serve(self, data: bytes) -> int:
        document = json.loads(data)
        if not isinstance(document, dict):
            raise ValueError("no object")  # noqa: TRY004  # of the message
        wanted, target = parse_wanted(document)
        operation = document.get("op")
        if operation == "publish" and self._held is None:
            self._ports.publish(wanted, target)
            self._held = wanted
        elif operation == "move":
            self._ports.move(wanted, target)
        else:
            return errno.EINVAL
        return 0

    def _end(self) -> None:
        self._poller.remove(self._connection.fileno())
        self._connection.close()
        if self._held is not None:
            self._ports.withdraw(self._held)
