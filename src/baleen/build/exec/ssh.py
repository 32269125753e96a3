"""An ssh agent for one step: a socket of the step's own, led to the agent's.

The agent's own socket is not bound into the root: it belongs to its user, with a mode that says so,
and the step's user may be another. What is sent is neither read nor kept.

See: Dockerfile reference, RUN --mount=type=ssh; draft-ietf-sshm-ssh-agent.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

__all__ = ["forwarded"]

_PIECE = 16 << 10
_CONNECTIONS = 64


@asynccontextmanager
async def forwarded(
    agent: str, directory: Path, owner: tuple[int, int], mode: int
) -> AsyncIterator[Path]:
    """Give a listening socket in `directory` (short path: it is this run's) led to `agent`.

    Behind the block nobody is connected any more.
    """
    path = directory / "agent"
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(tasks) >= _CONNECTIONS:
            writer.close()
            return
        tasks.add(task)
        try:
            await _connect(agent, reader, writer)
        finally:
            tasks.discard(task)
            writer.close()

    # A socket's address holds 107 bytes.
    held = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        server = await asyncio.start_unix_server(serve, f"/proc/self/fd/{held}/agent", limit=_PIECE)
    finally:
        os.close(held)
    try:
        os.chown(path, *owner)
        path.chmod(mode)
        yield path
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(list(tasks))
        path.unlink(missing_ok=True)


async def _connect(agent: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        far_reader, far_writer = await asyncio.open_unix_connection(agent, limit=_PIECE)
    except OSError:
        return  # the step sees an agent that hangs up
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_pump(reader, far_writer))
            group.create_task(_pump(far_reader, writer))
    finally:
        far_writer.close()


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):  # either end may hang up
        while data := await source.read(_PIECE):
            target.write(data)
            await target.drain()
        target.write_eof()
