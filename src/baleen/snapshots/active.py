"""Snapshots for containers, by key: what all snapshotters have in common.

Each is a directory `<root>/active/<key>`, in which parent.json says what it stands on. That is
written last.
"""

from __future__ import annotations

import os
import re
import secrets
from typing import TYPE_CHECKING

import msgspec

from baleen.archive.tree import DIRECTORY, measure_tree
from baleen.errors import AlreadyExists, InvalidArgument, NotFound
from baleen.oci.digest import Digest
from baleen.snapshots.draft_root import DraftRoot
from baleen.snapshots.layers import Layers, space
from baleen.snapshots.snapshotter import Mounts, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from baleen.snapshots.snapshotter import LayerInfo, Owners

__all__ = ["ActiveRecord", "Snapshots"]

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


class ActiveRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """parent.json."""

    parent: str | None = None
    writable: bool = True
    remapped: bool = False


class Snapshots(Layers):
    """A snapshotter but for what a snapshot is made of, which the subclasses say.

    Args:
        root: a directory of its own.
        boot_id: tells one run of the machine from the next; the kernel's when None.
        sync_delay_s: when new layers are synced by themselves; None leaves it to `sync`.
        owners: for remapped snapshots.
    """

    driver: str
    written: str
    """Name of the directory of a snapshot that holds what the container writes."""

    def __init__(
        self,
        root: Path,
        *,
        boot_id: str | None = None,
        sync_delay_s: float | None = 10.0,
        owners: Owners | None = None,
    ) -> None:
        super().__init__(root, boot_id=boot_id, sync_delay_s=sync_delay_s)
        self._owners = owners
        self._active_dir = root / "active"
        self._active: dict[str, ActiveRecord] = {}

    def start(self) -> None:
        """Read what is on disk, remove the remains of a crash.

        Raises:
            FailedPrecondition: the file system can not hold such snapshots.
        """
        self._make_directories()
        self._active_dir.mkdir(mode=0o700, exist_ok=True)
        self._active_dir.chmod(0o700)
        self._check_file_system()
        self._read_layers()
        for directory in self._active_dir.iterdir():
            try:
                record = msgspec.json.decode(
                    (directory / "parent.json").read_bytes(), type=ActiveRecord
                )
            except (OSError, msgspec.DecodeError):
                self._remove(self._active_dir, directory.name)
                continue
            self._active[directory.name] = record

    def _check_file_system(self) -> None:
        """Raise FailedPrecondition where the root can not hold such snapshots."""

    def _in_use(self, chain_id: Digest) -> bool:
        return any(record.parent == chain_id for record in self._active.values())

    def prepare(self, key: str, parent: Digest | None, *, remapped: bool = False) -> Mounts:
        """Make the writable snapshot `key` on top of the layer `parent` (None: an empty root)."""
        record = ActiveRecord(parent=parent and str(parent), remapped=remapped)
        return self._make(key, parent, record)

    def view(self, key: str, parent: Digest | None) -> Mounts:
        """Make the read-only snapshot `key`."""
        return self._make(key, parent, ActiveRecord(parent=parent and str(parent), writable=False))

    def _make(self, key: str, parent: Digest | None, record: ActiveRecord) -> Mounts:
        if _KEY.fullmatch(key) is None:
            raise InvalidArgument(f'invalid snapshot key "{key}"')
        directory = self._active_dir / key
        with self._lock:
            stack = self._stack(parent)
            if key in self._active:
                raise AlreadyExists(f'snapshot "{key}" exists already')
            self._active[key] = record
        try:
            with space(directory):
                directory.mkdir(mode=0o700)
                self._fill(directory, record, stack)
                # Written last: without it a crash has left a half, which `start` removes.
                (directory / "parent.json").write_bytes(msgspec.json.encode(record))
        except BaseException:
            self._remove(self._active_dir, key)
            with self._lock:
                del self._active[key]
            raise
        return self._mounts(directory, record, stack)

    def mounts(self, key: str) -> Mounts:
        """Return the mounts of an existing snapshot again."""
        record = self._record(key)
        return self._mounts(
            self._active_dir / key,
            record,
            self._stack(Digest(record.parent) if record.parent else None),
        )

    def workspace(
        self, parent: Digest | None, *, for_processes: bool = False, remapped: bool = False
    ) -> DraftRoot:
        """Begin a writable root that can become a layer; see `snapshotter.Snapshotter`."""
        record = ActiveRecord(parent=parent and str(parent), remapped=remapped)
        with self._lock:
            stack = self._stack(parent)
        directory = self._drafts_dir / secrets.token_hex(8)
        try:
            with space(directory):
                directory.mkdir(mode=0o700)
                self._fill(directory, record, stack, complete=for_processes)
        except BaseException:
            self._remove(self._drafts_dir, directory.name)
            raise
        mounts = self._mounts(directory, record, stack, complete=for_processes)
        is_layer = not remapped and (self.independent or not for_processes)
        return DraftRoot(self, directory, self.written, mounts, is_layer=is_layer)

    def _fill(
        self,
        directory: Path,
        record: ActiveRecord,
        stack: list[LayerInfo],
        *,
        complete: bool = True,
    ) -> None:
        """Make what the new snapshot needs in its `directory`.

        A writable one that is `complete` has what containers are mounted on.
        """
        raise NotImplementedError

    def _mounts(
        self,
        directory: Path,
        record: ActiveRecord,
        stack: list[LayerInfo],
        *,
        complete: bool = True,
    ) -> Mounts:
        raise NotImplementedError

    def keys(self) -> Iterator[str]:
        """Return the keys of all snapshots."""
        return iter(list(self._active))

    def remove(self, key: str) -> None:
        """Remove the snapshot and what was written in it; it must not be mounted any more."""
        with self._lock:
            if self._active.pop(key, None) is None:
                return
            doomed = self._drafts_dir / secrets.token_hex(8)
            (self._active_dir / key).rename(doomed)
        self._remove(self._drafts_dir, doomed.name)

    def _parent(self, key: str) -> LayerInfo | None:
        record = self._record(key)
        return self._layers.get(Digest(record.parent)) if record.parent else None

    def usage(self, key: str) -> Usage:
        """Measure what was written in the snapshot (0 for a view)."""
        self._record(key)
        fd = os.open(self._active_dir / key / self.written, DIRECTORY)
        try:
            size, inodes = measure_tree(fd)
            own = os.fstat(fd).st_blocks * 512
        finally:
            os.close(fd)
        # The root directory is no change of the container.
        return Usage(size - own, inodes - 1)

    def _record(self, key: str) -> ActiveRecord:
        record = self._active.get(key)
        if record is None:
            raise NotFound(f'snapshot "{key}" does not exist')
        return record
