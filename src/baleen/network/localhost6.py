"""Published TCP ports at [::1], for clients that take `localhost` for that and do not fall back.

Containers have IPv4 only and the kernel does not translate between families, so here bytes are
copied by the daemon, and only when the settings ask for it. The container sees the connection
come from its bridge's address, as for 127.0.0.1 (N10). Connections end with the daemon.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

__all__ = ["Localhost6"]

_log = logging.getLogger(__name__)

ADDRESS: Final = "::1"
MAX_CONNECTIONS: Final = 256  # of one port; more are closed at once
CONNECT_TIMEOUT_S: Final = 10
_CHUNK: Final = 64 << 10


class Localhost6:
    """The open ports. Used from the daemon's loop."""

    def __init__(self) -> None:
        self._ports: dict[int, _Port] = {}

    async def open(self, port: int, target: tuple[str, int]) -> None:
        """Listen on [::1]:port for `target`; a port that another program has is left to it."""
        if port in self._ports:
            return
        listener = _Port(target)
        try:
            await listener.listen(port)
        except OSError as err:
            _log.warning("cannot forward [::1]:%d to %s:%d: %s", port, *target, err.strerror)
            return
        self._ports[port] = listener

    def close(self, port: int, target_address: str) -> None:
        """Stop listening for that container and end its connections; idempotent."""
        listener = self._ports.get(port)
        if listener is not None and listener.target[0] == target_address:
            del self._ports[port]
            listener.close()

    def close_all(self) -> None:
        """Stop everything."""
        for port, listener in list(self._ports.items()):
            self.close(port, listener.target[0])


class _Port:
    """One listener and its connections."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def listen(self, port: int) -> None:
        self._server = await asyncio.start_server(self._serve, ADDRESS, port, limit=_CHUNK)

    def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._connections:
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The life of one connection; runs in a task that the server makes."""
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            if len(self._connections) <= MAX_CONNECTIONS:
                await self._join(reader, writer)
            writer.close()
        except (OSError, TimeoutError):
            return  # the target is gone or does not answer; the client's connection just ends
        finally:
            if not writer.is_closing():
                writer.transport.abort()
            self._connections.discard(task)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            far_reader, far_writer = await asyncio.open_connection(*self.target, limit=_CHUNK)
        try:
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(_copy(reader, far_writer))
                    group.create_task(_copy(far_reader, writer))
            except* OSError as errors:
                raise ConnectionError("one side went away") from errors
        finally:
            far_writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until the end, then end that direction only; a slow receiver slows the sender."""
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
