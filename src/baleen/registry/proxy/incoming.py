"""A blob on its way from the upstream, read by many while it comes.

Its bytes go to a spool (an unnamed file) and to the store at once. Readers follow the spool at
their own pace, so a slow one delays nobody. The last byte is held back until the store has verified
the whole: a blob that is not what its digest says is never complete for anyone.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["IncomingBlob"]

_PIECE = 256 * 1024


class IncomingBlob:
    """One fetch. One task feeds it, then calls `finish`.

    Args:
        size: bytes of the whole, as the upstream says.
        directory: where the spool lies.
    """

    def __init__(self, size: int, directory: str | None = None) -> None:
        self._size = size
        with tempfile.TemporaryFile(dir=directory) as file:
            self._spool = os.dup(file.fileno())
        # Readers may come until nobody knows of this fetch any more.
        weakref.finalize(self, os.close, self._spool)
        self._written = 0
        self._is_verified = False
        self._is_over = False
        self._changed = asyncio.Event()

    @property
    def size(self) -> int:
        """See `Incoming.size`."""
        return self._size

    async def feed(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Pass pieces on, having spooled each."""
        async for piece in pieces:
            await asyncio.to_thread(self._write, piece)
            self._written += len(piece)
            self._wake()
            yield piece

    def finish(self, *, is_verified: bool) -> None:
        """Say how it ended; nothing more comes."""
        self._is_verified = is_verified
        self._is_over = True
        self._wake()

    async def pieces(self, start: int, stop: int) -> AsyncIterator[bytes]:
        """See `Incoming.pieces`."""
        position = start
        while position < stop:
            ready = min(self._ready(), stop)
            if position < ready:
                length = min(ready - position, _PIECE)
                piece = await asyncio.to_thread(os.pread, self._spool, length, position)
                position += len(piece)
                yield piece
            elif self._is_over:
                return
            else:
                await self._changed.wait()

    def _ready(self) -> int:
        """Return up to where readers may read."""
        if self._is_verified:
            return self._written
        return min(self._written, self._size - 1)

    def _write(self, piece: bytes) -> None:
        rest = memoryview(piece)
        position = self._written
        while rest:
            done = os.pwrite(self._spool, rest, position)
            rest, position = rest[done:], position + done

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
