"""The overlay snapshotter: one directory per layer, one writable directory per container.

    <root>/active/<key>/{upper,work}      a writable snapshot
    <root>/base                           the lowest layer of all containers

The rest as in `layers` and `active`. The layers of an image know nothing of each other until they
are mounted, so they can be unpacked in any order.

See: Documentation/filesystems/overlayfs.rst.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from baleen.errors import FailedPrecondition
from baleen.linux import mount
from baleen.linux.overlayfs import opaque_attribute
from baleen.linux.user_namespace import in_first_user_namespace
from baleen.snapshots.active import Snapshots
from baleen.snapshots.base_layer import make_base
from baleen.snapshots.layers import make_root
from baleen.snapshots.snapshotter import Mounts

if TYPE_CHECKING:
    from pathlib import Path

    from baleen.snapshots.active import ActiveRecord
    from baleen.snapshots.snapshotter import LayerInfo

__all__ = ["LAYERS_LIMIT", "OverlaySnapshotter"]

LAYERS_LIMIT = 498
"""Layers of an image. The kernel stacks 500 directories: ours is below them, and in views of a
stopped container what it has written is one more."""


class OverlaySnapshotter(Snapshots):
    """Implements `snapshots.snapshotter.Snapshotter`; arguments as `active.Snapshots`."""

    driver = "overlayfs"
    written = "upper"

    @property
    def _base_dir(self) -> Path:
        return self._root / "base"

    def check(self) -> None:
        """Raise FailedPrecondition where no overlay can be."""
        self._make_directories()
        self._check_file_system()

    def _check_file_system(self) -> None:
        probe = self._drafts_dir / "probe"
        for part in ("lower", "upper", "work"):
            (probe / part).mkdir(parents=True)
        try:
            os.mknod(probe / "upper" / "whiteout", stat.S_IFCHR, os.makedev(0, 0))
            os.setxattr(probe / "lower", opaque_attribute(), b"y")
            with mount.fsopen("overlay") as context:
                for key, part in (
                    ("lowerdir", "lower"),
                    ("upperdir", "upper"),
                    ("workdir", "work"),
                ):
                    mount.fsconfig_string(context.fileno(), key, str(probe / part))
                if not in_first_user_namespace():
                    mount.fsconfig_flag(context.fileno(), "userxattr")
                mount.fsconfig_create(context.fileno())
        except OSError as err:
            raise FailedPrecondition(
                f"{self._root} can not hold writable layers: {os.strerror(err.errno or 0).lower()}",
                hint="move the data root to a file system such as ext4 or xfs (ftype=1), "
                "not inside of another overlay; without root, Linux 5.11 or newer is needed",
            ) from err
        finally:
            self._remove(self._drafts_dir, probe.name)
        make_base(self._base_dir)

    def _fill(
        self,
        directory: Path,
        record: ActiveRecord,
        stack: list[LayerInfo],
        *,
        complete: bool = True,
    ) -> None:
        del complete  # the base is another directory
        if len(stack) > LAYERS_LIMIT:
            raise FailedPrecondition(
                f"the image has {len(stack)} layers: an overlay can have {LAYERS_LIMIT} at most",
                hint="squash the image, or use the storage driver vfs",
            )
        owners = self._owners if record.remapped else None
        make_root(directory / "upper", stack[0].path if stack else None, owners)
        (directory / "work").mkdir(mode=0o700)

    def _mounts(
        self,
        directory: Path,
        record: ActiveRecord,
        stack: list[LayerInfo],
        *,
        complete: bool = True,
    ) -> Mounts:
        lower = tuple(str(info.path) for info in stack)
        upper, work = str(directory / "upper"), str(directory / "work")
        if record.writable:
            namespace = -1
            if record.remapped:
                assert self._owners is not None, "a remapped snapshot of a store without owners"
                namespace = self._owners.user_namespace
            # Below all others, so it only gives what the image has not.
            base = (str(self._base_dir),) if complete else ()
            return Mounts((*lower, *base), upper, work, namespace)
        return Mounts(lower or (upper,), None, None)
