"""Layers of a pull, unpacked while others are still being downloaded.

A layer is unpacked as soon as its blob is in the store, whatever is below it: the layers of one
image do not depend on each other until they are stacked.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from baleen.distribution.progress import State
from baleen.images.image import read_variants

if TYPE_CHECKING:
    from concurrent.futures import Future

    from baleen.distribution.cancellation import Cancellation
    from baleen.distribution.progress import Event
    from baleen.engine.progress_feed import ProgressFeed
    from baleen.images import ImageStore
    from baleen.images.unpacking import Unpacking
    from baleen.oci.descriptor import Descriptor
    from baleen.oci.digest import Digest
    from baleen.oci.manifest import Manifest

__all__ = ["PulledLayers"]

# The daemon bounds them once more; more than this for one pull only wait there.
_UNPACKERS = 4
_INTERVAL_S = 0.1
_STATUS = {
    State.WAITING: "Waiting",
    State.DOWNLOADING: "Downloading",
    State.VERIFYING: "Verifying Checksum",
    State.DOWNLOADED: "Download complete",
}


@dataclass(slots=True)
class _Plan:
    """One manifest that is being pulled."""

    descriptor: Descriptor
    manifest: Manifest
    unpacking: Unpacking | None = None
    begun: set[int] = field(default_factory=set)


class PulledLayers:
    """Takes the client's callbacks, unpacks, and tells the feed; a context manager.

    Leaving the block waits for what is being unpacked. Its methods may be called from any thread.

    Args:
        images: where the layers go.
        feed: told of each step.
        cancel: cancelled when a layer cannot be unpacked.
        title: id and status of the line before those of the layers.
        was_here: whether the name means an image already.
    """

    def __init__(
        self,
        images: ImageStore,
        feed: ProgressFeed,
        cancel: Cancellation,
        title: tuple[str, str],
        *,
        was_here: bool,
    ) -> None:
        self._images = images
        self._title = title
        self._was_here = was_here
        self._feed = feed
        self._cancel = cancel
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._pool = ThreadPoolExecutor(_UNPACKERS, thread_name_prefix="unpack")
        self._plans: list[_Plan] = []
        self._work: list[Future[None]] = []
        self._layers: set[Digest] = set()
        self._present: set[Digest] = set()
        self._failure: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._stack.close()

    def planned(self, descriptor: Descriptor, manifest: Manifest) -> None:
        """Take note of a manifest before its blobs come; tells of each of its layers."""
        with self._lock:
            if not self._plans:
                self._feed.message(self._title[1], id=self._title[0])
            self._plans.append(_Plan(descriptor, manifest))
            new = {layer.digest for layer in manifest.layers} - self._layers
            self._layers |= new
            present = {digest for digest in new if self._images.content.has(digest)}
            self._present |= present
        if self._was_here and present == new:
            return  # the same image again: dockerd says nothing of its layers
        for digest in dict.fromkeys(layer.digest for layer in manifest.layers):
            if digest in present:
                self._feed.step(digest.short, "Already exists")
            elif digest in new:
                self._feed.step(digest.short, "Pulling fs layer")

    def progress(self, event: Event) -> None:
        """Tell of a step of a blob; only layers have lines."""
        digest = event.descriptor.digest
        # One that was found to be damaged is downloaded after all.
        quiet = digest in self._present and event.state is not State.DOWNLOADING
        if digest not in self._layers or quiet:
            return
        if event.state is State.EXISTS:
            self._present.add(digest)
            self._feed.step(digest.short, "Already exists")
        elif event.state is State.RETRYING:
            unit = "second" if event.detail == "1" else "seconds"
            self._feed.step(digest.short, f"Retrying in {event.detail} {unit}")
        elif event.state is State.DOWNLOADING:
            self._feed.step(digest.short, "Downloading", event.current, event.total)
        else:
            self._feed.step(digest.short, _STATUS[event.state])

    def layer_ready(self, descriptor: Descriptor) -> None:
        """Begin to unpack a layer whose blob is complete; returns at once."""
        with self._lock:
            for plan in self._plans:
                for index, layer in enumerate(plan.manifest.layers):
                    if layer.digest == descriptor.digest:
                        self._begin(plan, index)

    def finish(self) -> None:
        """Wait until every layer is unpacked; raises the first error."""
        with self._lock:
            for plan in self._plans:
                for index in range(len(plan.manifest.layers)):
                    self._begin(plan, index)
        for work in self._work:
            work.result()
        for plan in self._plans:
            if plan.unpacking is not None:
                plan.unpacking.finish()

    def raise_failure(self) -> None:
        """Raise what went wrong while unpacking, if that was why the pull was given up."""
        if self._failure is not None:
            raise self._failure

    def _begin(self, plan: _Plan, index: int) -> None:
        """Hand a layer to the pool, once, if the config is here by which it is stacked."""
        content = self._images.content
        if plan.unpacking is None:
            if not content.has(plan.manifest.config.digest):
                return
            variant = read_variants(content, plan.descriptor)[0]
            plan.unpacking = self._stack.enter_context(self._images.unpacking(variant))
        if index not in plan.begun and index in plan.unpacking.missing:
            plan.begun.add(index)
            layer = plan.manifest.layers[index]
            self._work.append(self._pool.submit(self._unpack, plan.unpacking, index, layer))

    def _unpack(self, unpacking: Unpacking, index: int, layer: Descriptor) -> None:
        told = layer.digest not in self._present
        due = 0.0

        def progress(current: int) -> None:
            nonlocal due
            self._cancel.check()
            now = time.monotonic()
            if told and now >= due:
                due = now + _INTERVAL_S
                self._feed.step(layer.digest.short, "Extracting", current, layer.size)

        try:
            unpacking.unpack(index, progress)
        except BaseException as err:
            # The rest need not be downloaded.
            self._failure = self._failure or err
            self._cancel.cancel()
            raise
        if told:
            self._feed.step(layer.digest.short, "Extracting", layer.size, layer.size)
            self._feed.step(layer.digest.short, "Pull complete")
