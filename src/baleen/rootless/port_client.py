"""The daemon's side of published ports: asking the holder for them. See `published`."""

from __future__ import annotations

import json
import os
import socket
from typing import TYPE_CHECKING, Final

from baleen.errors import Unavailable

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["PortClient"]

_PATIENCE_S: Final = 5.0


class PortClient:
    """Publishes ports of the host, from within the namespaces."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def publish(
        self, protocol: str, host: tuple[str, int], target: tuple[str, int]
    ) -> socket.socket:
        """Return the lease of a host port that leads to `target`; closing it gives the port back.

        Raises:
            OSError: the host refuses the port, with the host's errno.
            Unavailable: the holder is not there.
        """
        lease = self._connect()
        try:
            self._ask(lease, {"op": "publish", "protocol": protocol, "host": host}, target)
        except BaseException:
            lease.close()
            raise
        return lease

    def move(self, protocol: str, host: tuple[str, int], target: tuple[str, int]) -> None:
        """Let a published port lead to another target. Raises as `publish`."""
        with self._connect() as connection:
            self._ask(connection, {"op": "move", "protocol": protocol, "host": host}, target)

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        connection.settimeout(_PATIENCE_S)
        try:
            connection.connect(os.fspath(self._path))
        except OSError as err:
            connection.close()
            raise Unavailable(
                f"the process that forwards ports cannot be reached: {err.strerror}",
                hint="stop and start baleend --rootless",
            ) from err
        return connection

    @staticmethod
    def _ask(
        connection: socket.socket, request: dict[str, object], target: tuple[str, int]
    ) -> None:
        try:
            connection.send(json.dumps({**request, "target": target}).encode())
            number = json.loads(connection.recv(4096) or b'{"errno": -1}')["errno"]
        except (TimeoutError, BrokenPipeError, ConnectionResetError, ValueError, KeyError) as err:
            raise Unavailable("the process that forwards ports does not answer") from err
        if number < 0:
            raise Unavailable("the process that forwards ports has ended")
        if number:
            raise OSError(number, os.strerror(number))
