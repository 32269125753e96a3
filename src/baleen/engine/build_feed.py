"""Messages of a build on their way to its client.

Who sends must not wait, and a client may be slow or stand still: output of steps beyond a bound is
left out, and said to be. Bytes of an output wait for the client.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from baleen.engine.build_request import BuildMessage

__all__ = ["BuildFeed"]

_WAITING = 8 << 20  # bytes of messages
_OUTPUT_PIECES = 4
_CLIPPED = "\n[output clipped: the client reads too slowly]\n"


class BuildFeed:
    """For one reader; all calls on the event loop."""

    def __init__(self) -> None:
        self._waiting: deque[BuildMessage] = deque()
        self._size = 0
        self._clipped = False
        self._ended = False
        self._wake = asyncio.Event()
        self._room = asyncio.Semaphore(_OUTPUT_PIECES)

    def send(self, message: dict[str, object]) -> None:
        """Send a JSON object."""
        text = message.get("stream")
        if isinstance(text, str):
            if self._size > _WAITING:
                if not self._clipped:
                    self._clipped = True
                    self._put({"stream": _CLIPPED})
                return
            self._size += len(text)
        self._put(message)

    async def send_output(self, piece: bytes) -> None:
        """Send bytes of an output (none: its end) when the client has taken those before."""
        await self._room.acquire()
        self._put(piece)

    def send_agent(self, channel: int, data: bytes) -> None:
        """Send bytes for an agent of the client."""
        self._put((channel, data))

    def _put(self, message: BuildMessage) -> None:
        self._waiting.append(message)
        self._wake.set()

    def end(self) -> None:
        """Say that nothing more comes."""
        self._ended = True
        self._wake.set()

    async def messages(self) -> AsyncIterator[BuildMessage]:
        """Yield what is sent until the end."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                message = self._waiting.popleft()
                if isinstance(message, bytes):
                    self._room.release()
                elif isinstance(message, dict):
                    text = message.get("stream")
                    self._size -= len(text) if isinstance(text, str) else 0
                yield message
            if not self._size:
                self._clipped = False
            if self._ended:
                return
