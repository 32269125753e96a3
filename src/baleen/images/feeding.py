"""A layer unpacked by a thread of its own, out of the bytes that somebody hands over.

    with LayerFeed(snapshotter) as feed:
        feed.write(chunk) ...
        layer = feed.finish()     # a LoneLayer, or None if it has to be unpacked on its parent

The memory between the two is bounded: `write` waits.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Self

from baleen.archive.apply import NeedsLower
from baleen.archive.limits import DEFAULT_LIMITS
from baleen.errors import Unavailable
from baleen.images.unpack import LoneLayer, unpack_alone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from baleen.archive.limits import Limits
    from baleen.snapshots.snapshotter import Snapshotter

__all__ = ["LayerFeed"]

_AHEAD_BYTES = 4 << 20


class LayerFeed:
    """See the module's text. Leaving the block without `finish` discards what was unpacked.

    Args:
        snapshotter: one whose layers are independent.
        algorithm: of the diff id.
        limits: of the archive.
        slots: held while the thread unpacks, when given.
    """

    def __init__(
        self,
        snapshotter: Snapshotter,
        *,
        algorithm: str = "sha256",
        limits: Limits = DEFAULT_LIMITS,
        slots: threading.Semaphore | None = None,
    ) -> None:
        self._snapshotter = snapshotter
        self._algorithm = algorithm
        self._limits = limits
        self._slots = slots
        self._changed = threading.Condition()
        self._chunks: deque[bytes] = deque()
        self._bytes = 0
        self._complete = self._given_up = self._done = False
        self._layer: LoneLayer | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="baleen-unpack", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        with self._changed:
            self._given_up = True
            self._changed.notify_all()
        self._thread.join()
        if self._layer is not None:
            self._layer.draft.discard()
            self._layer = None

    def write(self, chunk: bytes) -> None:
        """Hand over the next bytes of the blob; waits while the unpacking is behind.

        Raises:
            InvalidArgument, ResourceExhausted: what went wrong with the unpacking.
        """
        with self._changed:
            while self._bytes > _AHEAD_BYTES and not self._done:
                self._changed.wait()
            if self._done:
                self._raise()
                return
            self._chunks.append(chunk)
            self._bytes += len(chunk)
            self._changed.notify_all()

    def finish(self) -> LoneLayer | None:
        """Say that the blob is complete, and return the layer, which is the caller's now.

        None: it can not be unpacked alone.
        """
        with self._changed:
            self._complete = True
            self._changed.notify_all()
        self._thread.join()
        self._raise()
        layer, self._layer = self._layer, None
        return layer

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    # -- the thread

    def _run(self) -> None:
        try:
            if self._slots is None:
                self._unpack()
            else:
                with self._slots:
                    self._unpack()
        except NeedsLower:
            pass
        except BaseException as err:  # carried over to who writes
            self._error = err
        with self._changed:
            self._done = True
            self._chunks.clear()
            self._changed.notify_all()

    def _unpack(self) -> None:
        self._layer = unpack_alone(
            self._snapshotter, self._taken(), algorithm=self._algorithm, limits=self._limits
        )

    def _taken(self) -> Iterator[bytes]:
        while True:
            with self._changed:
                while not self._chunks and not self._complete and not self._given_up:
                    self._changed.wait()
                if self._given_up:
                    raise Unavailable("the unpacking was given up")
                if not self._chunks:
                    return
                chunk = self._chunks.popleft()
                self._bytes -= len(chunk)
                self._changed.notify_all()
            yield chunk
