"""The overlay snapshotter: one directory per layer, one writable directory per container.

    <root>/layers/<short>/fs              the files of a layer
    <root>/layers/<short>/layer.json      chain id, parent, size; written last
    <root>/active/<key>/{upper,work}      a writable snapshot; parent.json is written last
    <root>/drafts/<random>/fs             being unpacked; removed at start

`<short>` is 16 characters of the chain id's hash, because the names of all layers of a container
must fit in one page of mount options. A layer becomes visible by one rename.

Durability: a layer can be made again from its blobs, so unpacking it waits for no disk. It is
synced by a thread some seconds later. After a crash of the machine before that (the boot id has
changed) it is dropped, and has to be unpacked again.

See: Documentation/filesystems/overlayfs.rst.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import logging
import os
import re
import secrets
import stat
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec

from baleen.archive.tree import DIRECTORY, measure_tree, remove_tree
from baleen.errors import (
    AlreadyExists,
    Conflict,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
)
from baleen.linux import mount
from baleen.linux.overlayfs import opaque_attribute
from baleen.linux.user_namespace import in_first_user_namespace
from baleen.oci.digest import Digest
from baleen.snapshots.base_layer import make_base
from baleen.snapshots.snapshotter import LayerInfo, Mounts, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from baleen.snapshots.snapshotter import Owners

__all__ = ["OverlaySnapshotter"]

log = logging.getLogger(__name__)

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class _LayerRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    chain_id: str
    size: int
    boot_id: str
    parent: str | None = None
    synced: bool = False


class _ActiveRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    parent: str | None = None
    writable: bool = True
    remapped: bool = False


class OverlaySnapshotter:
    """Implements `snapshots.snapshotter.Snapshotter`.

    Args:
        root: a directory of its own.
        boot_id: tells one run of the machine from the next; the kernel's when None.
        sync_delay_s: when new layers are synced by themselves; None leaves it to `sync`.
        owners: for remapped snapshots.
    """

    def __init__(
        self,
        root: Path,
        *,
        boot_id: str | None = None,
        sync_delay_s: float | None = 10.0,
        owners: Owners | None = None,
    ) -> None:
        self._owners = owners
        self._layers_dir = root / "layers"
        self._active_dir = root / "active"
        self._drafts_dir = root / "drafts"
        self._base_dir = root / "base"
        self._root = root
        self._boot_id = boot_id or _BOOT_ID.read_text(encoding="ascii").strip()
        self._lock = threading.Lock()
        self._layers: dict[Digest, LayerInfo] = {}
        self._unsynced: set[Digest] = set()
        self._sync_delay_s = sync_delay_s
        self._timer: threading.Timer | None = None
        self._active: dict[str, _ActiveRecord] = {}

    # -- start

    def start(self) -> None:
        """Read what is on disk, remove the remains of a crash.

        Raises:
            FailedPrecondition: the file system can not hold an overlay's upper directory.
        """
        for directory in (self._root, self._layers_dir, self._active_dir):
            directory.mkdir(mode=0o700, exist_ok=True)
            directory.chmod(0o700)
        self._remove(self._root, self._drafts_dir.name)
        self._drafts_dir.mkdir(mode=0o700)
        self._check_file_system()
        make_base(self._base_dir)
        for directory in self._layers_dir.iterdir():
            self._read_layer(directory)
        self._drop_orphans()
        for directory in self._active_dir.iterdir():
            try:
                record = msgspec.json.decode(
                    (directory / "parent.json").read_bytes(), type=_ActiveRecord
                )
            except (OSError, msgspec.DecodeError):
                self._remove(self._active_dir, directory.name)
                continue
            self._active[directory.name] = record

    def _read_layer(self, directory: Path) -> None:
        try:
            record = msgspec.json.decode((directory / "layer.json").read_bytes(), type=_LayerRecord)
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

    def draft(self, chain_id: Digest, parent: Digest | None) -> _Draft:
        """Begin a layer on top of `parent`."""
        lower = [info.path for info in self._stack(parent)]
        directory = self._drafts_dir / secrets.token_hex(8)
        with _space(directory):
            directory.mkdir(mode=0o700)
            _make_root(directory / "fs", lower[0] if lower else None)
        return _Draft(self, directory, chain_id, parent, lower)

    def _commit(
        self, directory: Path, chain_id: Digest, parent: Digest | None, size: int
    ) -> LayerInfo:
        target = self._layers_dir / _short(chain_id)
        record = _LayerRecord(
            chain_id=str(chain_id),
            parent=parent and str(parent),
            size=size,
            boot_id=self._boot_id,
        )
        with _space(target):
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
            if any(other.parent == chain_id for other in self._layers.values()) or any(
                record.parent == chain_id for record in self._active.values()
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
            record = _LayerRecord(
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

    # -- snapshots

    def prepare(self, key: str, parent: Digest | None, *, remapped: bool = False) -> Mounts:
        """Make the writable snapshot `key` on top of the layer `parent` (None: an empty root)."""
        record = _ActiveRecord(parent=parent and str(parent), remapped=remapped)
        return self._make(key, parent, record)

    def view(self, key: str, parent: Digest | None) -> Mounts:
        """Make the read-only snapshot `key`."""
        return self._make(key, parent, _ActiveRecord(parent=parent and str(parent), writable=False))

    def _make(self, key: str, parent: Digest | None, record: _ActiveRecord) -> Mounts:
        if _KEY.fullmatch(key) is None:
            raise InvalidArgument(f'invalid snapshot key "{key}"')
        directory = self._active_dir / key
        with self._lock:
            stack = self._stack(parent)
            if key in self._active:
                raise AlreadyExists(f'snapshot "{key}" exists already')
            self._active[key] = record
        try:
            with _space(directory):
                directory.mkdir(mode=0o700)
                upper = directory / "upper"
                owners = self._owners if record.remapped else None
                _make_root(upper, stack[0].path if stack else None, owners)
                (directory / "work").mkdir(mode=0o700)
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

    def _mounts(self, directory: Path, record: _ActiveRecord, stack: list[LayerInfo]) -> Mounts:
        lower = tuple(str(info.path) for info in stack)
        upper, work = str(directory / "upper"), str(directory / "work")
        if record.writable:
            namespace = -1
            if record.remapped:
                assert self._owners is not None, "a remapped snapshot of a store without owners"
                namespace = self._owners.user_namespace
            # Below all others, so it only gives what the image has not.
            return Mounts((*lower, str(self._base_dir)), upper, work, namespace)
        return Mounts(lower or (upper,), None, None)

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

    def usage(self, key: str) -> Usage:
        """Measure what was written in the snapshot (0 for a view)."""
        self._record(key)
        fd = os.open(self._active_dir / key / "upper", DIRECTORY)
        try:
            size, inodes = measure_tree(fd)
            own = os.fstat(fd).st_blocks * 512
        finally:
            os.close(fd)
        # The root directory is no change of the container.
        return Usage(size - own, inodes - 1)

    def _record(self, key: str) -> _ActiveRecord:
        record = self._active.get(key)
        if record is None:
            raise NotFound(f'snapshot "{key}" does not exist')
        return record

    def _remove(self, parent: Path, name: str) -> None:
        fd = os.open(parent, DIRECTORY)
        try:
            remove_tree(fd, name)
        finally:
            os.close(fd)


class _Draft:
    """Implements `snapshots.snapshotter.LayerDraft`."""

    def __init__(
        self,
        snapshotter: OverlaySnapshotter,
        directory: Path,
        chain_id: Digest,
        parent: Digest | None,
        lower: list[Path],
    ) -> None:
        self._snapshotter = snapshotter
        self._directory = directory
        self._chain_id = chain_id
        self._parent = parent
        self._lower = lower

    @property
    def path(self) -> Path:
        """The directory to fill."""
        return self._directory / "fs"

    @property
    def lower(self) -> list[Path]:
        """Directories of the layers below, top-most first."""
        return self._lower

    def commit(self, size_bytes: int) -> LayerInfo:
        """Make it a layer in one step; if the layer exists by now, that one stays."""
        return self._snapshotter._commit(  # noqa: SLF001  # two halves of one module
            self._directory, self._chain_id, self._parent, size_bytes
        )

    def discard(self) -> None:
        """Remove what was unpacked; does nothing after `commit`."""
        self._snapshotter._remove(self._directory.parent, self._directory.name)  # noqa: SLF001

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.discard()


def _short(chain_id: Digest) -> str:
    digest = hashlib.sha256(chain_id.encode()).digest()
    return base64.b32encode(digest[:10]).decode("ascii").lower()


def _make_root(target: Path, source: Path | None, owners: Owners | None = None) -> None:
    """Make the root directory of a new upper directory, with owner and mode of the one below."""
    target.mkdir()
    info = target.stat() if source is None else source.stat()
    uid, gid = info.st_uid, info.st_gid
    os.chown(target, *((uid, gid) if owners is None else owners.to_host(uid, gid)))
    target.chmod(0o755 if source is None else stat.S_IMODE(info.st_mode))


@contextmanager
def _space(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as err:
        if err.errno in _FULL:
            raise ResourceExhausted(
                f"no space left on device: {path}",
                hint="remove unused images and containers, or enlarge the disk",
            ) from err
        raise
