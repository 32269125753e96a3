"""Which snapshotter a data root gets."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from baleen.errors import FailedPrecondition
from baleen.snapshots.overlay import OverlaySnapshotter
from baleen.snapshots.vfs import VfsSnapshotter

if TYPE_CHECKING:
    from pathlib import Path

    from baleen.snapshots.active import Snapshots
    from baleen.snapshots.snapshotter import Owners

__all__ = ["STORAGE_DRIVERS", "choose_snapshotter"]

log = logging.getLogger(__name__)

_OVERLAY = ("overlay2", "overlay", "overlayfs")
STORAGE_DRIVERS = ("", *_OVERLAY, "vfs")
"""What `--storage-driver` may be; "" leaves the choice to us."""


def choose_snapshotter(data_root: Path, driver: str, *, owners: Owners | None = None) -> Snapshots:
    """Return the snapshotter named `driver`, not started; each has a directory of its own.

    With "" it is what the data root has been used with, else overlay if it works there, else vfs.
    """
    overlay, vfs = data_root / "snapshots", data_root / "vfs"
    if driver == "vfs" or (not driver and vfs.exists() and not overlay.exists()):
        return VfsSnapshotter(vfs, owners=owners)
    snapshotter = OverlaySnapshotter(overlay, owners=owners)
    if driver or any((overlay / "layers").glob("*/layer.json")):
        return snapshotter
    try:
        snapshotter.check()
    except FailedPrecondition as err:
        log.warning("images and containers are copied (storage driver vfs): %s", err)
        return VfsSnapshotter(vfs, owners=owners)
    return snapshotter
