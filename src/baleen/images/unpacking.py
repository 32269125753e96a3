"""The layers of one image, unpacked as they arrive: in any order, several at once.

    with Unpacking(content, snapshotter, variant, turns) as unpacking:
        unpacking.unpack(index)        # for each of `missing`, from any thread
        unpacking.finish()             # now all layers are committed

Layers that know nothing of each other (`Snapshotter.independent`) are unpacked at once, and each
becomes a layer as soon as all below it are. Others, and the few that need what is below them, are
unpacked in their order, when it is their turn.

What is committed stays when the rest fails; the garbage collector takes it.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from baleen.archive.apply import NeedsLower
from baleen.archive.limits import DEFAULT_LIMITS
from baleen.errors import DataLoss, InvalidArgument, NotFound
from baleen.images.feeding import LayerFeed
from baleen.images.unpack import LoneLayer, pieces, unpack_alone, unpack_on, wrong_diff_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO

    from baleen.archive.limits import Limits
    from baleen.content.store import ContentStore
    from baleen.images.image import Variant
    from baleen.oci.descriptor import Descriptor
    from baleen.oci.digest import Digest
    from baleen.snapshots.snapshotter import Snapshotter

    Progress = Callable[[int], None]

__all__ = ["Turns", "Unpacking", "unpack_missing"]

_AT_ONCE = 4
_THREADS = 2
# Less than this is unpacked by one thread.
_SMALL = 4 << 20


class Turns:
    """Who may unpack, of all images of one store: few at once, and each layer by one only."""

    def __init__(self, at_once: int = _AT_ONCE) -> None:
        self.slots = threading.Semaphore(at_once)
        self._lock = threading.Lock()
        self._layers: dict[Digest, tuple[threading.Lock, int]] = {}

    @contextmanager
    def of(self, chain_id: Digest) -> Iterator[None]:
        """Wait until nobody else unpacks this layer. Inside, a slot may be waited for."""
        with self._lock:
            lock, users = self._layers.get(chain_id, (threading.Lock(), 0))
            self._layers[chain_id] = lock, users + 1
        try:
            with lock:
                yield
        finally:
            with self._lock:
                lock, users = self._layers[chain_id]
                if users == 1:
                    del self._layers[chain_id]
                else:
                    self._layers[chain_id] = lock, users - 1


@dataclass(frozen=True, slots=True)
class _Layer:
    descriptor: Descriptor
    diff_id: Digest
    chain_id: Digest
    parent: Digest | None


class Unpacking:
    """See the module's text. All calls block, and may be made from any thread.

    Attributes:
        layers: descriptors of the layers, bottom first; an index below means one of these.
    """

    def __init__(
        self,
        content: ContentStore,
        snapshotter: Snapshotter,
        variant: Variant,
        turns: Turns,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self._content = content
        self._snapshotter = snapshotter
        self._turns = turns
        self._limits = limits
        self.layers = variant.manifest.layers
        self._layers = [
            _Layer(*row)
            for row in zip(
                variant.manifest.layers,
                variant.config.diff_ids,
                variant.chain_ids,
                (None, *variant.chain_ids[:-1]),
                strict=True,
            )
        ]
        self._lock = threading.RLock()
        self._committed = 0
        self._ready: dict[int, LoneLayer] = {}
        self._deferred: dict[int, Progress | None] = {}

    def __enter__(self) -> Self:
        self._advance()
        return self

    def __exit__(self, *exc_info: object) -> None:
        with self._lock:
            while self._ready:
                self._ready.popitem()[1].draft.discard()

    @property
    def missing(self) -> list[int]:
        """The layers that are neither unpacked nor given to be."""
        with self._lock:
            return [
                index
                for index in range(self._committed, len(self._layers))
                if self._is_missing(index)
            ]

    def _is_missing(self, index: int) -> bool:
        return (
            index not in self._ready
            and index not in self._deferred
            and self._snapshotter.layer(self._layers[index].chain_id) is None
        )

    def unpack(self, index: int, progress: Progress | None = None) -> None:
        """Unpack a layer whose blob is in the content store.

        `progress` is called with the bytes of the blob read so far, from the thread that reads.

        Raises:
            DataLoss: the blob is missing, malformed, or not what the diff id says; named.
            ResourceExhausted: no space, or a limit is crossed. The layer leaves nothing behind.
        """
        layer = self._layers[index]
        if self._snapshotter.independent and index != self._committed:
            # What needs our lock comes behind: who holds it may wait for this layer.
            with self._turns.of(layer.chain_id), self._turns.slots:
                wanted = self._is_missing(index)
                lone = self._unpack_alone(layer, progress) if wanted else None
            if lone is not None:
                with self._reported(layer):
                    self.adopt(index, lone)
            elif wanted:
                self._defer(index, progress)
        elif self._is_missing(index):
            self._defer(index, progress)
        self._advance()

    @contextmanager
    def feed(self, index: int) -> Iterator[Callable[[bytes], None]]:
        """Give a function that takes the next bytes of the layer's blob, while they arrive.

        It waits while the unpacking is behind, and raises what went wrong with it. The end of the
        block is the end of the blob; leaving it by an exception discards what was unpacked. The
        blob has to be in the content store when `finish` is called.

        Raises:
            InvalidArgument, ResourceExhausted, DataLoss: as `unpack`.
        """
        layer = self._layers[index]
        if not self._snapshotter.independent or not self._is_missing(index):
            yield _ignore
            if self._is_missing(index):
                self._defer(index, None)
            self._advance()
            return
        algorithm = layer.diff_id.algorithm
        with LayerFeed(
            self._snapshotter, algorithm=algorithm, limits=self._limits, slots=self._turns.slots
        ) as feed:
            yield feed.write
            lone = feed.finish()
        if lone is None:
            self._defer(index, None)
        else:
            self.adopt(index, lone)
        self._advance()

    def adopt(self, index: int, lone: LoneLayer) -> None:
        """Take a layer that was unpacked by itself; DataLoss if it is not this one."""
        layer = self._layers[index]
        with self._lock:
            if lone.diff_id == layer.diff_id and self._is_missing(index):
                self._ready[index] = lone
                return
        lone.draft.discard()
        if lone.diff_id is not None and lone.diff_id != layer.diff_id:
            raise wrong_diff_id(layer.descriptor, lone.diff_id, layer.diff_id)

    def finish(self) -> None:
        """Make sure that every layer is committed; what was not handed over is unpacked now.

        Raises:
            DataLoss, ResourceExhausted: as `unpack`.
        """
        with self._lock:
            for index in self.missing:
                self._defer(index, None)
            self._advance(at_end=True)

    # -- one layer

    def _unpack_alone(self, layer: _Layer, progress: Progress | None) -> LoneLayer | None:
        with self._reported(layer), self._content.open(layer.descriptor.digest) as blob:
            try:
                return unpack_alone(
                    self._snapshotter,
                    _counted(blob, progress),
                    algorithm=layer.diff_id.algorithm,
                    size=layer.descriptor.size,
                    limits=self._limits,
                )
            except NeedsLower:
                return None

    def _defer(self, index: int, progress: Progress | None) -> None:
        with self._lock:
            self._deferred[index] = progress

    def _advance(self, *, at_end: bool = False) -> None:
        """Commit what stands on committed layers only."""
        with self._lock:
            while self._committed < len(self._layers):
                index = self._committed
                layer = self._layers[index]
                if self._snapshotter.layer(layer.chain_id) is None:
                    self._commit_ready(index, layer)
                    if index in self._deferred:
                        present = self._content.has(layer.descriptor.digest)
                        if not at_end and not present:
                            return
                        self._unpack_on(layer, self._deferred.pop(index))
                    elif self._snapshotter.layer(layer.chain_id) is None:
                        return
                self._drop(index)
                self._committed += 1

    def _commit_ready(self, index: int, layer: _Layer) -> None:
        lone = self._ready.pop(index, None)
        if lone is None:
            return
        with lone.draft, self._reported(layer):
            try:
                lone.commit(self._snapshotter, layer.chain_id, layer.parent)
            except NeedsLower:
                self._deferred[index] = None

    def _unpack_on(self, layer: _Layer, progress: Progress | None) -> None:
        with (
            self._reported(layer),
            self._turns.of(layer.chain_id),
            self._content.open(layer.descriptor.digest) as blob,
        ):
            if self._snapshotter.layer(layer.chain_id) is None:
                unpack_on(
                    self._snapshotter,
                    _counted(blob, progress),
                    layer.descriptor,
                    layer.diff_id,
                    layer.chain_id,
                    layer.parent,
                    self._limits,
                )

    @contextmanager
    def _reported(self, layer: _Layer) -> Iterator[None]:
        """Name the layer in an error, and find out whether its blob is to blame.

        A blob that was damaged on the disk counts as not here from then on: a pull brings it anew.
        """
        digest = layer.descriptor.digest
        try:
            yield
        except (InvalidArgument, NotFound, DataLoss) as err:
            with suppress(NotFound):
                for _ in self._content.chunks(digest):
                    pass
            if isinstance(err, DataLoss):
                raise
            raise DataLoss(f"layer {digest}: {err.message}") from err

    def _drop(self, index: int) -> None:
        """Forget what was prepared for a layer that is there already."""
        self._deferred.pop(index, None)
        lone = self._ready.pop(index, None)
        if lone is not None:
            lone.draft.discard()


def unpack_missing(unpacking: Unpacking) -> Iterator[Descriptor]:
    """Unpack what is missing out of the content store; yields each layer when it is done.

    Closing the iterator waits for the layers that are being unpacked.
    """
    missing = unpacking.missing
    layers = unpacking.layers
    if len(missing) > 1 and sum(layers[index].size for index in missing) > _SMALL:
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="baleen-unpack") as executor:
            futures = [executor.submit(unpacking.unpack, index) for index in missing]
            try:
                for index, future in zip(missing, futures, strict=True):
                    future.result()
                    yield layers[index]
            finally:
                for future in futures:
                    future.cancel()
    else:
        for index in missing:
            unpacking.unpack(index)
            yield layers[index]
    unpacking.finish()


def _counted(blob: IO[bytes], progress: Progress | None) -> Iterator[bytes]:
    total = 0
    for piece in pieces(blob):
        total += len(piece)
        if progress is not None:
            progress(total)
        yield piece


def _ignore(chunk: bytes) -> None:
    del chunk
