"""Snapshots: unpacked layers, and writable root file systems on top of them.

The contract and its terms are in `snapshotter`; `overlay` is the implementation.
"""

from baleen.snapshots.overlay import OverlaySnapshotter
from baleen.snapshots.snapshotter import LayerInfo, Mounts, Owners, Snapshotter, Usage

__all__ = ["LayerInfo", "Mounts", "OverlaySnapshotter", "Owners", "Snapshotter", "Usage"]
