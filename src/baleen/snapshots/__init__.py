"""Snapshots: unpacked layers, and writable root file systems on top of them.

The contract and its terms are in `snapshotter`; `overlay` and `vfs` are the implementations, which
share `layers` and `active`. `choice` says which one a data root gets.
"""

from baleen.snapshots.choice import STORAGE_DRIVERS, choose_snapshotter
from baleen.snapshots.overlay import OverlaySnapshotter
from baleen.snapshots.snapshotter import LayerInfo, Mounts, Owners, Snapshotter, Usage, Workspace
from baleen.snapshots.vfs import VfsSnapshotter

__all__ = [
    "STORAGE_DRIVERS",
    "LayerInfo",
    "Mounts",
    "OverlaySnapshotter",
    "Owners",
    "Snapshotter",
    "Usage",
    "VfsSnapshotter",
    "Workspace",
    "choose_snapshotter",
]
