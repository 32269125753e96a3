"""Garbage: blobs and layers that no name and no snapshot leads to.

Whoever makes an image holds it off with `changing` until the image has a name.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from baleen.errors import BaleenError, Conflict
from baleen.images.image import reachable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from baleen.content.store import ContentStore, Lease
    from baleen.images.catalog import Catalog
    from baleen.oci.descriptor import Descriptor
    from baleen.oci.digest import Digest
    from baleen.snapshots.snapshotter import Snapshotter

__all__ = ["GarbageCollector"]

log = logging.getLogger(__name__)


class GarbageCollector:
    """Collects for one store; its state is guarded by the catalog's lock."""

    def __init__(self, catalog: Catalog, content: ContentStore, snapshotter: Snapshotter) -> None:
        self._catalog = catalog
        self._content = content
        self._snapshotter = snapshotter
        self._operations = 0
        self._put_off = False

    def collect(self) -> None:
        """Remove all garbage; while an operation is under way it is put off to its end."""
        with self._catalog.lock:
            self._put_off = bool(self._operations)
            if self._put_off:
                return
            targets = list(self._catalog.names.targets().values())
            self._content.collect(
                lambda: (
                    digest for target in targets for digest in reachable(self._content, target)
                )
            )
            self._collect_layers(targets)

    def _collect_layers(self, targets: Sequence[Descriptor]) -> None:
        keep: set[Digest] = set()
        for target in targets:
            try:
                for variant in self._catalog.variants(target):
                    keep.update(variant.chain_ids)
            except BaleenError as err:
                log.warning("an image can not be read: %s", err)
        doomed = {info.chain_id for info in self._snapshotter.layers()} - keep
        while doomed:
            # From the top down, because a layer holds the one below.
            tops = doomed - {info.parent for info in self._snapshotter.layers()}
            if not tops:
                return
            for chain_id in tops:
                try:
                    self._snapshotter.remove_layer(chain_id)
                except Conflict:
                    log.debug("layer %s stays: a container stands on it", chain_id)
            doomed -= tops

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

        When the block fails, whatever has no name by then is collected.
        """
        try:
            with self.held_off(), self._content.lease() as lease:
                yield lease
        except BaseException:
            self.collect()
            raise
