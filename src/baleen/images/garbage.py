"""Garbage: blobs and layers that no name, no snapshot and no other user leads to.

Whoever makes an image holds it off with `changing` until the image has a name.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from baleen.errors import Conflict, ResourceExhausted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from baleen.content.store import ContentStore, Lease
    from baleen.images.catalog import Catalog
    from baleen.oci.descriptor import Descriptor
    from baleen.oci.digest import Digest
    from baleen.snapshots.snapshotter import Snapshotter

__all__ = ["ContentUser", "GarbageCollector"]

log = logging.getLogger(__name__)


class ContentUser(Protocol):
    """Somebody who needs blobs and layers without an image: the build cache.

    Called from the thread of the collection, with the content store's lock held.
    """

    def blobs(self) -> Iterable[Digest]:
        """Return the blobs that are no garbage."""
        ...

    def chain_ids(self) -> Iterable[Digest]:
        """Return the unpacked layers that are none."""
        ...


class GarbageCollector:
    """Collects for one store; its state is guarded by the catalog's lock."""

    def __init__(self, catalog: Catalog, content: ContentStore, snapshotter: Snapshotter) -> None:
        self._catalog = catalog
        self._content = content
        self._snapshotter = snapshotter
        self._operations = 0
        self._put_off = False
        self._users: list[ContentUser] = []

    def keep(self, user: ContentUser) -> None:
        """Take what the user says for no garbage, from the next collection on."""
        self._users.append(user)

    def collect(self) -> int:
        """Remove all garbage; return the bytes freed.

        While an operation is under way, only blobs: it holds those that it needs by its lease. The
        layers are put off to its end.
        """
        with self._catalog.lock:
            targets = list(self._catalog.names.targets().values())
            freed = self._content.collect(lambda: self._blobs(targets))
            self._put_off = bool(self._operations)
            if not self._put_off:
                freed += self._collect_layers(targets)
            return freed

    def _blobs(self, targets: Sequence[Descriptor]) -> Iterator[Digest]:
        for target in targets:
            yield from self._catalog.facts(target).blobs()
        for user in self._users:
            yield from user.blobs()

    def _collect_layers(self, targets: Sequence[Descriptor]) -> int:
        freed = 0
        keep: set[Digest] = set()
        for target in targets:
            facts = self._catalog.facts(target)
            keep |= facts.chain_ids
            if facts.problem:
                log.warning("image %s can not be read: %s", target.digest, facts.problem)
        for user in self._users:
            keep.update(user.chain_ids())
        doomed = {info.chain_id for info in self._snapshotter.layers()} - keep
        while doomed:
            # From the top down, because a layer holds the one below.
            infos = {info.chain_id: info for info in self._snapshotter.layers()}
            tops = doomed - {info.parent for info in infos.values()}
            if not tops:
                break
            for chain_id in tops:
                try:
                    self._snapshotter.remove_layer(chain_id)
                    freed += infos[chain_id].size_bytes
                except Conflict:
                    log.debug("layer %s stays: a container stands on it", chain_id)
            doomed -= tops
        return freed

    @contextmanager
    def held_off(self) -> Iterator[None]:
        """Collect nothing inside the block, and what was put off meanwhile behind it."""
        with self._catalog.lock:
            self._operations += 1
        try:
            yield
        finally:
            with self._catalog.lock:
                self._operations -= 1
                if self._put_off:
                    self.collect()

    @contextmanager
    def changing(self) -> Iterator[Lease]:
        """Give a lease for blobs and layers of an image that is about to be made.

        When the block fails, whatever has no name by then is collected; what was downloaded stays
        for the next try, unless it was the disk that got full.
        """
        try:
            with self.held_off(), self._content.lease() as lease:
                yield lease
        except ResourceExhausted:
            self._content.discard_partials()
            self.collect()
            raise
        except BaseException:
            self.collect()
            raise
