"""A client's ssh agents, forwarded: each is a socket here, whose bytes go through the build's body.

    ssh in RUN ──► socket ──► feed ──► client ──► its agent
                     ◄── frames of the body ◄──┘

See: docs/build.md, "The body of Baleen's own client"; draft-ietf-sshm-ssh-agent.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from baleen.errors import ResourceExhausted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from pathlib import Path

    from baleen.engine.build_feed import BuildFeed

    Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

__all__ = ["offered_agents"]

_PIECE = 64 << 10
_CHANNELS = 64


@asynccontextmanager
async def offered_agents(
    directory: Path,
    build_id: str,
    ids: Sequence[str],
    feed: BuildFeed,
    answers: AsyncIterator[tuple[int, bytes]],
) -> AsyncIterator[dict[str, str]]:
    """Listen for each agent while the block runs; gives the sockets' paths by id.

    They are for root alone until somebody mounts them; connections that are open end with the
    block.
    """
    channels = _Channels(feed)
    place = directory / build_id[:16]
    servers: list[asyncio.Server] = []
    place.mkdir(mode=0o700, parents=True)
    try:
        paths = {}
        for number, name in enumerate(ids):
            path = place / f"{number}"
            servers.append(await asyncio.start_unix_server(channels.handler(name), path))
            paths[name] = str(path)
        reader = asyncio.ensure_future(channels.read(answers))
        try:
            yield paths
        finally:
            reader.cancel()
            await asyncio.wait([reader])
    finally:
        for server in servers:
            server.close()
        channels.close()
        for number in range(len(ids)):
            with suppress(FileNotFoundError):
                os.unlink(place / f"{number}")  # noqa: PTH108  # the socket's own name
        place.rmdir()


class _Channels:
    def __init__(self, feed: BuildFeed) -> None:
        self._feed = feed
        self._open: dict[int, asyncio.StreamWriter] = {}
        self._next = 0

    def handler(self, name: str) -> Handler:
        """Return what serves connections to the agent of that id."""

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._serve(name, reader, writer)

        return handle

    async def _serve(
        self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if len(self._open) >= _CHANNELS:
            writer.close()
            raise ResourceExhausted(f"more than {_CHANNELS} connections to ssh agents")
        self._next += 1
        channel = self._next
        self._open[channel] = writer
        self._feed.send({"agent": {"channel": channel, "id": name}})
        try:
            while data := await reader.read(_PIECE):
                self._feed.send_agent(channel, data)
        except ConnectionError:
            pass  # as good as its end
        finally:
            self._feed.send_agent(channel, b"")
            self._open.pop(channel, None)
            writer.close()

    async def read(self, answers: AsyncIterator[tuple[int, bytes]]) -> None:
        """Pass on what the client's agents say."""
        async for channel, data in answers:
            writer = self._open.get(channel)
            if writer is None:
                continue  # who asked has gone
            if data:
                writer.write(data)
                with suppress(ConnectionError):
                    await writer.drain()
            else:
                writer.close()

    def close(self) -> None:
        """End all connections."""
        for writer in list(self._open.values()):
            writer.close()
