"""Committed layers and drafts on disk: what all snapshotters have in common.

    <root>/layers/<short>/fs              the files of a layer
    <root>/layers/<short>/layer.json      chain id, parent, size; written last
    <root>/drafts/<random>/fs             being unpacked; removed at start

`<short>` is 16 characters of the chain id's hash, because the names of all layers of a container
must fit in one page of mount options. A layer becomes visible by one rename.

Durability: a layer can be made again from its blobs, so unpacking it waits for no disk. It is
synced by a thread some seconds later. After a crash of the machine before that (the boot id has
changed) it is dropped, and has to be unpacked again.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import logging
import os
import secrets
import stat
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec

from baleen.archive.tree import DIRECTORY, remove_tree
from baleen.errors import Conflict, InvalidArgument, NotFound, ResourceExhausted
from baleen.oci.digest import Digest
from baleen.snapshots.snapshotter import LayerInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from baleen.snapshots.snapshotter import Owners

__all__ = ["Layers", "make_root", "space"]

log = logging.getLogger(__name__)

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class LayerRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    chain_id: str
    size: int
    boot_id: str
    parent: str | None = None
    synced: bool = False


class Layers:
    """The half of a snapshotter that keeps layers; see `snapshotter.Snapshotter` for its methods.

    Args:
        root: a directory of its own.
        boot_id: tells one run of the machine from the next; the kernel's when None.
        sync_delay_s: when new layers are synced by themselves; None leaves it to `sync`.
    """

    independent = True

    def __init__(
        self, root: Path, *, boot_id: str | None = None, sync_delay_s: float | None = 10.0
    ) -> None:
        self._root = root
        self._layers_dir = root / "layers"
        self._drafts_dir = root / "drafts"
        self._boot_id = boot_id or _BOOT_ID.read_text(encoding="ascii").strip()
        self._lock = threading.Lock()
        self._layers: dict[Digest, LayerInfo] = {}
        self._unsynced: set[Digest] = set()
        self._sync_delay_s = sync_delay_s
        self._timer: threading.Timer | None = None

    # -- start

    def _make_directories(self) -> None:
        for directory in (self._root, self._layers_dir):
            directory.mkdir(mode=0o700, exist_ok=True)
            directory.chmod(0o700)
        self._remove(self._root, self._drafts_dir.name)
        self._drafts_dir.mkdir(mode=0o700)

    def _read_layers(self) -> None:
        for directory in self._layers_dir.iterdir():
            self._read_layer(directory)
        self._drop_orphans()

    def _read_layer(self, directory: Path) -> None:
        try:
            record = msgspec.json.decode((directory / "layer.json").read_bytes(), type=LayerRecord)
            info = LayerInfo(
                Digest(record.chain_id),
                Digest(record.parent) if record.parent else None,
                directory / "fs",
                record.size,
            )
        except (OSError, msgspec.DecodeError, InvalidArgument):
            self._remove(self._layers_dir, directory.name)
            return
        if not record.synced and record.boot_id != self._boot_id:
            self._remove(self._layers_dir, directory.name)
            return
        self._layers[info.chain_id] = info
        if not record.synced:
            self._unsynced.add(info.chain_id)

    def _drop_orphans(self) -> None:
        """Remove layers whose parent is gone: they would be refused at every use."""
        while orphans := [
            info
            for info in self._layers.values()
            if info.parent is not None and info.parent not in self._layers
        ]:
            for info in orphans:
                del self._layers[info.chain_id]
                self._unsynced.discard(info.chain_id)
                self._remove(self._layers_dir, info.path.parent.name)

    # -- layers

    def layer(self, chain_id: Digest) -> LayerInfo | None:
        """Return the committed layer, or None; one whose directory was deleted does not count."""
        info = self._layers.get(chain_id)
        if info is not None and not info.path.is_dir():
            with self._lock:
                self._layers.pop(chain_id, None)
            return None
        return info

    def layers(self) -> Iterator[LayerInfo]:
        """Return every committed layer, in no order."""
        return iter(list(self._layers.values()))

    def draft(self, parent: Digest | None = None) -> Draft:
        """Begin a layer on top of `parent`; see `snapshotter.Snapshotter.draft`."""
        below = self._stack(parent)
        directory = self._drafts_dir / secrets.token_hex(8)
        with space(directory):
            directory.mkdir(mode=0o700)
            self._make_tree(directory / "fs", below[0].path if below else None)
        return Draft(self, directory)

    def _make_tree(self, target: Path, below: Path | None) -> None:
        """Make the directory of a draft or a writable snapshot."""
        make_root(target, below)

    def lower(self, parent: Digest | None) -> list[Path]:
        """Return the directories of the layers from `parent` down (NotFound)."""
        return [info.path for info in self._stack(parent)]

    def _commit(
        self, directory: Path, chain_id: Digest, parent: Digest | None, size: int
    ) -> LayerInfo:
        target = self._layers_dir / _short(chain_id)
        record = LayerRecord(
            chain_id=str(chain_id),
            parent=parent and str(parent),
            size=size,
            boot_id=self._boot_id,
        )
        with space(target):
            (directory / "layer.json").write_bytes(msgspec.json.encode(record))
        with self._lock:
            present = self._layers.get(chain_id)
            if present is not None and present.path.is_dir():
                return present
            if parent is not None and parent not in self._layers:
                raise NotFound(f"layer {parent} does not exist")
            if target.exists():
                if any(info.path.parent == target for info in self._layers.values()):
                    # 80 bits: somebody has looked for such a pair.
                    raise Conflict(f"layer {chain_id} has the short name of another layer")
                self._remove(self._layers_dir, target.name)
            directory.rename(target)
            info = LayerInfo(chain_id, parent, target / "fs", size)
            self._layers[chain_id] = info
            self._unsynced.add(chain_id)
            self._sync_later()
        return info

    def _sync_later(self) -> None:
        """Start the timer unless it runs; called with the lock held."""
        if self._sync_delay_s is None or self._timer is not None:
            return
        self._timer = threading.Timer(self._sync_delay_s, self._sync_by_timer)
        self._timer.daemon = True
        self._timer.name = "baleen-sync"
        self._timer.start()

    def _sync_by_timer(self) -> None:
        with self._lock:
            self._timer = None
        try:
            self.sync()
        except OSError as err:
            log.warning("layers could not be synced: %s", err)

    def remove_layer(self, chain_id: Digest) -> None:
        """Remove a layer; Conflict if another layer or a snapshot stands on it."""
        with self._lock:
            info = self._layers.get(chain_id)
            if info is None:
                return
            if any(other.parent == chain_id for other in self._layers.values()) or self._in_use(
                chain_id
            ):
                raise Conflict(f"layer {chain_id} is in use")
            del self._layers[chain_id]
            self._unsynced.discard(chain_id)
            doomed = self._drafts_dir / secrets.token_hex(8)
            if info.path.parent.exists():
                info.path.parent.rename(doomed)
        self._remove(self._drafts_dir, doomed.name)

    def sync(self) -> None:
        """Make all committed layers durable against a power loss. May take seconds."""
        with self._lock:
            pending = {chain: self._layers[chain] for chain in self._unsynced}
        if not pending:
            return
        os.sync()
        for chain_id, info in pending.items():
            record = LayerRecord(
                chain_id=str(chain_id),
                parent=info.parent and str(info.parent),
                size=info.size_bytes,
                boot_id=self._boot_id,
                synced=True,
            )
            temporary = info.path.parent / "layer.json.new"
            with self._lock:
                if chain_id in self._unsynced:
                    temporary.write_bytes(msgspec.json.encode(record))
                    temporary.rename(info.path.parent / "layer.json")
                    self._unsynced.discard(chain_id)
        os.sync()

    def _stack(self, top: Digest | None) -> list[LayerInfo]:
        """Return the layers from `top` down to the base."""
        stack = []
        while top is not None:
            info = self._layers.get(top)
            if info is None:
                raise NotFound(f"layer {top} does not exist")
            stack.append(info)
            top = info.parent
        return stack

    def _in_use(self, chain_id: Digest) -> bool:
        """Whether a snapshot stands on the layer; called with the lock held."""
        raise NotImplementedError

    def _remove(self, parent: Path, name: str) -> None:
        fd = os.open(parent, DIRECTORY)
        try:
            remove_tree(fd, name)
        finally:
            os.close(fd)


class Draft:
    """Implements `snapshots.snapshotter.LayerDraft`."""

    def __init__(self, layers: Layers, directory: Path) -> None:
        self._layers = layers
        self._directory = directory

    @property
    def path(self) -> Path:
        """The directory to fill."""
        return self._directory / "fs"

    def commit(self, chain_id: Digest, parent: Digest | None, size_bytes: int) -> LayerInfo:
        """Make it a layer in one step; if the layer exists by now, that one stays."""
        return self._layers._commit(  # noqa: SLF001  # two halves of one module
            self._directory, chain_id, parent, size_bytes
        )

    def discard(self) -> None:
        """Remove what was unpacked; does nothing after `commit`."""
        self._layers._remove(self._directory.parent, self._directory.name)  # noqa: SLF001

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.discard()


def _short(chain_id: Digest) -> str:
    digest = hashlib.sha256(chain_id.encode()).digest()
    return base64.b32encode(digest[:10]).decode("ascii").lower()


def make_root(target: Path, source: Path | None, owners: Owners | None = None) -> None:
    """Make the root directory of a new upper directory, with owner and mode of the one below."""
    target.mkdir()
    info = target.stat() if source is None else source.stat()
    uid, gid = info.st_uid, info.st_gid
    os.chown(target, *((uid, gid) if owners is None else owners.to_host(uid, gid)))
    target.chmod(0o755 if source is None else stat.S_IMODE(info.st_mode))


@contextmanager
def space(path: Path) -> Iterator[None]:
    """Turn the kernel's word for a full disk into ours (ResourceExhausted)."""
    try:
        yield
    except OSError as err:
        if err.errno in _FULL:
            raise ResourceExhausted(
                f"no space left on device: {path}",
                hint="remove unused images and containers, or enlarge the disk",
            ) from err
        raise
