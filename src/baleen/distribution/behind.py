"""Writing behind reading: one buffer is hashed and written while the next one fills.

Receiving, hashing and writing release the GIL, so a large blob takes the time of the slower side
instead of the sum of both.
"""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Sink", "WriteBehind"]

_BUFFERS = 2


class Sink(Protocol):
    """What is written to."""

    def write(self, data: memoryview) -> None:
        """Take `data` before returning."""
        ...


class WriteBehind:
    """A context manager; its end waits until all is written, and raises what that failed with.

    Args:
        sink: only touched by another thread inside the block.
        size: bytes of each of the two buffers.
    """

    def __init__(self, sink: Sink, size: int) -> None:
        self._sink = sink
        self._free: SimpleQueue[memoryview] = SimpleQueue()
        for _ in range(_BUFFERS):
            self._free.put(memoryview(bytearray(size)))
        self._filled: SimpleQueue[tuple[memoryview, int] | None] = SimpleQueue()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="download-write", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, at: TracebackType | None
    ) -> None:
        self._filled.put(None)
        self._thread.join()
        if self._failure is not None:
            # It matters more than a connection that was cut meanwhile.
            raise self._failure

    def buffer(self) -> memoryview:
        """Return a buffer to fill, as soon as one is free; raises what writing failed with."""
        found = self._free.get()
        if self._failure is not None:
            raise self._failure
        return found

    def write(self, buffer: memoryview, count: int) -> None:
        """Have the first `count` bytes of a buffer written, and the buffer given out again."""
        self._filled.put((buffer, count))

    def _run(self) -> None:
        while (item := self._filled.get()) is not None:
            buffer, count = item
            if self._failure is None and count:
                try:
                    self._sink.write(buffer[:count])
                except BaseException as err:  # raised by the reading side
                    self._failure = err
            self._free.put(buffer)
