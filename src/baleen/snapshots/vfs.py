"""The copying snapshotter: for file systems on which the kernel can not stack directories.

    <root>/layers/<short>/fs              the files of a layer with all those below it
    <root>/active/<key>/fs                the root of a container

Every layer and every container is a whole copy; btrfs and xfs share the blocks of it. Works
anywhere, and is slow: it is taken where overlay does not work, or when the user asks for it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from baleen.archive.clone import clone_tree
from baleen.archive.tree import DIRECTORY, measure_tree
from baleen.snapshots.active import Snapshots
from baleen.snapshots.base_layer import complete_base
from baleen.snapshots.layers import make_root
from baleen.snapshots.snapshotter import Mounts, Usage

if TYPE_CHECKING:
    from pathlib import Path

    from baleen.snapshots.active import ActiveRecord
    from baleen.snapshots.snapshotter import LayerInfo, Owners

__all__ = ["VfsSnapshotter"]


class VfsSnapshotter(Snapshots):
    """Implements `snapshots.snapshotter.Snapshotter`; arguments as `active.Snapshots`."""

    driver = "vfs"
    independent = False
    written = "fs"

    def _make_tree(self, target: Path, below: Path | None) -> None:
        _clone(below, target, None)

    def _fill(
        self,
        directory: Path,
        record: ActiveRecord,
        stack: list[LayerInfo],
        *,
        complete: bool = True,
    ) -> None:
        target = directory / "fs"
        if not record.writable:
            make_root(target, None)
            return
        owners = self._owners if record.remapped else None
        _clone(stack[0].path if stack else None, target, owners)
        if not complete:
            return
        fd = os.open(target, DIRECTORY)
        try:
            complete_base(fd, (0, 0) if owners is None else owners.to_host(0, 0))
        finally:
            os.close(fd)

    def _mounts(
        self,
        directory: Path,
        record: ActiveRecord,
        stack: list[LayerInfo],
        *,
        complete: bool = True,
    ) -> Mounts:
        del complete  # all is in one directory
        if record.writable:
            return Mounts((), str(directory / "fs"), None)
        return Mounts((str(stack[0].path if stack else directory / "fs"),), None, None)

    def usage(self, key: str) -> Usage:
        """Measure by how much the snapshot is larger than what it stands on."""
        usage = super().usage(key)
        parent = self._parent(key)
        if parent is None:
            return usage
        fd = os.open(parent.path, DIRECTORY)
        try:
            size, inodes = measure_tree(fd)
        finally:
            os.close(fd)
        return Usage(max(0, usage.size_bytes - size), max(0, usage.inodes - inodes))


def _clone(source: Path | None, target: Path, owners: Owners | None) -> None:
    make_root(target, source, owners)
    if source is None:
        return
    here, there = os.open(source, DIRECTORY), -1
    try:
        there = os.open(target, DIRECTORY)
        clone_tree(here, there, None if owners is None else owners.to_host)
    finally:
        os.close(here)
        if there >= 0:
            os.close(there)
