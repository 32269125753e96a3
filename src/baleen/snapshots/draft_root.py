"""A writable root that may become a layer: what a step of a build works in.

    <root>/drafts/<random>/{upper,work}   with overlay
    <root>/drafts/<random>/fs             with vfs

As all drafts it is removed at start: a crash leaves nothing of it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from baleen.archive.tree import DIRECTORY, remove_tree
from baleen.snapshots.layers import Draft

if TYPE_CHECKING:
    from pathlib import Path

    from baleen.oci.digest import Digest
    from baleen.snapshots.layers import Layers
    from baleen.snapshots.snapshotter import LayerInfo, Mounts

__all__ = ["DraftRoot"]

_LAYER = "fs"


class DraftRoot(Draft):
    """Implements `snapshots.snapshotter.Workspace`.

    Args:
        layers: where it becomes one.
        directory: the draft's.
        written: the name in it of what was written.
        mounts: how to mount it.
        is_layer: whether that is what a layer would hold.
    """

    def __init__(
        self, layers: Layers, directory: Path, written: str, mounts: Mounts, *, is_layer: bool
    ) -> None:
        super().__init__(layers, directory)
        self._written = written
        self.mounts = mounts
        self.is_layer = is_layer

    @property
    def path(self) -> Path:
        """What was written."""
        return self._directory / self._written

    def commit(self, chain_id: Digest, parent: Digest | None, size_bytes: int) -> LayerInfo:
        """Make it a layer in one step; if the layer exists by now, that one stays."""
        assert self.is_layer, "it has to be unpacked again"
        if self._written != _LAYER:
            directory = os.open(self._directory, DIRECTORY)
            try:
                remove_tree(directory, "work")
                os.rename(self._written, _LAYER, src_dir_fd=directory, dst_dir_fd=directory)
            finally:
                os.close(directory)
            self._written = _LAYER
        return super().commit(chain_id, parent, size_bytes)
