"""Files in and out of containers: `docker cp`, `export` and `diff`, running or stopped.

A running container's tree is reached through its process' root, so volumes and tmpfs mounts are
seen as the container sees them. A stopped one is the union of its layers; a path below one of its
mounts is looked up in the mount's source, with the rest of the path.

See: Engine API, /containers/{id}/archive, /export, /changes.
"""

from __future__ import annotations

import os
import posixpath
import stat
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from baleen.api import FilesystemChange
from baleen.archive import compare_trees, export_tree, extract, stat_path, tar_path
from baleen.archive.compare import ADDED, DELETED, MODIFIED
from baleen.archive.tree import DIRECTORY
from baleen.errors import Conflict, InvalidArgument, PermissionDenied
from baleen.linux.fd import Fd
from baleen.linux.path import open_in_root
from baleen.oci.digest import Digest
from baleen.snapshots.root_view import live_root, read_only_view, writable_view

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from baleen.containers import ContainerStore
    from baleen.containers.record import ContainerRecord
    from baleen.engine.config import EngineConfig
    from baleen.engine.events import EventBus
    from baleen.engine.live import LiveContainers
    from baleen.engine.tasks import Tasks
    from baleen.snapshots import Snapshotter

__all__ = ["Copying"]


class Copying:
    """Reads and writes containers' file systems."""

    def __init__(
        self,
        config: EngineConfig,
        store: ContainerStore,
        lives: LiveContainers,
        snapshots: Snapshotter,
        events: EventBus,
        tasks: Tasks,
    ) -> None:
        self._config = config
        self._store = store
        self._lives = lives
        self._snapshots = snapshots
        self._events = events
        self._tasks = tasks

    async def stat(self, ref: str, path: str) -> dict[str, Any]:
        """Describe a file; the dict is what the path-stat header holds (NotFound)."""
        record = self._store.get(ref)

        def look() -> dict[str, Any]:
            with self._tree(record, path) as (root, inner):
                return stat_path(root, inner, container=ref).to_dict()

        return await self._tasks.blocking(look)

    async def get(self, ref: str, path: str) -> tuple[dict[str, Any], AsyncIterator[bytes]]:
        """Describe a file and return it, or a directory, as a tar stream (NotFound)."""
        record = self._store.get(ref)
        if not path:
            raise InvalidArgument("missing path")
        remapping = self._config.remapping_of(record.host_config)
        owners = None if remapping is None else remapping.to_container

        def begin() -> tuple[dict[str, Any], Iterator[bytes]]:
            tree = self._tree(record, path)
            root, inner = tree.__enter__()
            try:
                info, chunks = tar_path(root, inner, container=ref, owners=owners)
            except BaseException:
                tree.__exit__(None, None, None)
                raise
            return info.to_dict(), _closing(chunks, tree)

        info, chunks = await self._tasks.blocking(begin)
        self._publish(record, "archive-path")
        return info, self._tasks.iterate(chunks)

    async def put(
        self,
        ref: str,
        path: str,
        body: AsyncIterator[bytes],
        *,
        no_overwrite_dir_non_dir: bool,
        copy_uid_gid: bool,
    ) -> None:
        """Extract a tar stream into a directory of the container.

        Raises:
            NotFound: no such container or directory.
            PermissionDenied: the container's root file system, or the mount, is read-only.
            InvalidArgument: `path` is no directory, or the archive is malformed.
        """
        record = self._store.get(ref)
        live = self._lives[record.id]
        owner = None
        if copy_uid_gid:
            owner = _numeric_owner(record.config.user)
        remapping = self._config.remapping_of(record.host_config)

        def work(chunks: Iterator[bytes]) -> None:
            with self._tree(record, path, write=True) as (root, inner):
                extract(
                    root,
                    inner,
                    chunks,
                    no_overwrite_dir_non_dir=no_overwrite_dir_non_dir,
                    owner=owner,
                    container=ref,
                    owners=None if remapping is None else remapping.to_host,
                )

        if record.is_running:
            await self._tasks.consume(work, body)
        else:
            async with live.lock:  # it must not be started while its layer is mounted for us
                record = self._store.get(record.id)
                await self._tasks.consume(work, body)
        self._publish(record, "extract-to-dir")

    def _publish(self, record: ContainerRecord, action: str) -> None:
        attributes = {**record.config.labels, "image": record.config.image, "name": record.name}
        self._events.publish_with("container", action, record.id, attributes)

    @contextmanager
    def _tree(
        self, record: ContainerRecord, path: str, *, write: bool = False
    ) -> Iterator[tuple[Fd, str]]:
        """Give the root to resolve `path` below, and the path there."""
        if record.is_running:
            try:
                root = live_root(record.pid)
            except OSError as err:
                raise Conflict(f"container {record.id} is not running") from err
            with root:
                if write:
                    self._refuse_read_only(record, path)
                yield root, path
            return
        if (found := self._mount_below(record, path)) is not None:
            source, inner, writable = found
            if write and not writable:
                raise PermissionDenied("mounted volume is marked read-only")
            with Fd(os.open(source, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as root:
                yield root, inner
            return
        mounts = self._snapshots.mounts(record.id)
        if write:
            if record.host_config.readonly_rootfs:
                raise PermissionDenied("container rootfs is marked read-only")
            with writable_view(mounts) as root:
                yield root, path
        else:
            with read_only_view(mounts) as root:
                yield root, path

    @staticmethod
    def _mount_below(record: ContainerRecord, path: str) -> tuple[str, str, bool] | None:
        clean = posixpath.normpath("/" + path.lstrip("/"))
        best = None
        for mount in record.mounts:
            place = mount.destination.rstrip("/")
            is_below = clean == place or clean.startswith(place + "/")
            deeper = best is None or len(place) > len(best.destination)
            if mount.source and is_below and deeper:
                best = mount
        if best is None or not os.path.isdir(best.source):  # noqa: PTH112
            return None
        inner = clean[len(best.destination.rstrip("/")) :] or "/"
        if path.endswith(("/", "/.")):
            inner = inner.rstrip("/") + "/."
        return best.source, inner, best.rw

    def _refuse_read_only(self, record: ContainerRecord, path: str) -> None:
        found = self._mount_below(record, path)
        if found is not None:
            if not found[2]:
                raise PermissionDenied("mounted volume is marked read-only")
        elif record.host_config.readonly_rootfs:
            raise PermissionDenied("container rootfs is marked read-only")

    async def export(self, ref: str) -> AsyncIterator[bytes]:
        """Return the container's whole tree as a tar stream, without what is mounted in it."""
        record = self._store.get(ref)
        remapping = self._config.remapping_of(record.host_config)
        owners = None if remapping is None else remapping.to_container

        def begin() -> Iterator[bytes]:
            view = read_only_view(self._snapshots.mounts(record.id))
            return _closing(export_tree(view, owners=owners), view)

        chunks = await self._tasks.blocking(begin)
        self._publish(record, "export")
        return self._tasks.iterate(chunks)

    async def changes(self, ref: str) -> list[FilesystemChange]:
        """Return what the container changed against its image, ordered by path."""
        record = self._store.get(ref)
        return await self._tasks.blocking(self._changes, record)

    def _changes(self, record: ContainerRecord) -> list[FilesystemChange]:
        mounts = self._snapshots.mounts(record.id)
        if mounts.upper is None:
            return []
        ignored = {mount.destination for mount in record.mounts} | _MADE_AT_START
        if not self._snapshots.independent:
            return self._whole_changes(record, mounts.upper, ignored)
        with read_only_view(mounts, image_only=True) as image:
            kinds = {p: k for p, k in _walk(mounts.upper, image) if p not in ignored}
            for path in _only_passages(kinds, ignored):
                if kinds[path] == ADDED or _same_access(mounts.upper, image, path):
                    del kinds[path]
        return [FilesystemChange(path=path, kind=kinds[path]) for path in sorted(kinds)]

    def _whole_changes(
        self, record: ContainerRecord, root: str, ignored: AbstractSet[str]
    ) -> list[FilesystemChange]:
        remapping = self._config.remapping_of(record.host_config)
        to_host = None if remapping is None else remapping.to_host
        with Fd(os.open(root, DIRECTORY)) as tree:
            kinds = whole_tree_changes(self._snapshots, record.chain_id, tree, to_host)
        found = {f"/{os.fsdecode(path)}": kind for path, kind in kinds.items()}
        return [
            FilesystemChange(path=path, kind=found[path])
            for path in sorted(found)
            if path not in ignored
        ]


def whole_tree_changes(
    snapshots: Snapshotter,
    chain_id: str,
    tree: Fd,
    to_host: Callable[[int, int], tuple[int, int]] | None,
) -> dict[bytes, int]:
    """Return what is different between a container that is a whole copy, and its image's layer.

    What the store adds to each container is left out.
    """
    lower = snapshots.lower(Digest(chain_id) if chain_id else None)
    with ExitStack() as stack:
        place = lower[0] if lower else stack.enter_context(TemporaryDirectory())
        old = os.open(place, DIRECTORY)
        stack.callback(os.close, old)
        kinds = compare_trees(old, tree.fileno(), to_host)
    return {
        path: kind
        for path, kind in kinds.items()
        if kind != ADDED or f"/{os.fsdecode(path)}" not in _MADE_AT_START
    }


# Mount points that the runtime makes in the writable layer when an image lacks them.
_MADE_AT_START = frozenset(
    {"/.dockerenv", "/dev", "/proc", "/sys", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"}
)


def _only_passages(kinds: Mapping[str, int], ignored: Iterable[str]) -> list[str]:
    """Return the directories, deepest first, that hold mount points and no change of their own."""
    above = {str(parent) for path in ignored for parent in PurePosixPath(path).parents}
    busy = {str(p) for path in kinds if path not in above for p in PurePosixPath(path).parents}
    return sorted((path for path in kinds if path in above - busy), reverse=True)


def _same_access(upper: str, image: Fd, path: str) -> bool:
    """Whether a directory has the owner and mode that the image gave it."""
    with open_in_root(image.fileno(), path, os.O_PATH | os.O_NOFOLLOW) as before:
        old = os.fstat(before.fileno())
    new = os.lstat(upper + path)
    return (old.st_mode, old.st_uid, old.st_gid) == (new.st_mode, new.st_uid, new.st_gid)


def _walk(upper: str, image: Fd) -> Iterator[tuple[str, int]]:
    for directory, names, files in os.walk(upper):
        relative = directory[len(upper) :]
        for name in [*names, *files]:
            path = f"{relative}/{name}"
            info = os.lstat(f"{directory}/{name}")
            if stat.S_ISCHR(info.st_mode) and info.st_rdev == 0:
                yield path, DELETED
            else:
                yield path, MODIFIED if _exists(image, path) else ADDED


def _exists(root: Fd, path: str) -> bool:
    try:
        open_in_root(root.fileno(), path, os.O_PATH | os.O_NOFOLLOW).close()
    except OSError:
        return False
    return True


def _closing(chunks: Iterator[bytes], held: AbstractContextManager[object]) -> Iterator[bytes]:
    """Iterate, and give up what the iterator reads from behind it."""
    try:
        yield from chunks
    finally:
        held.__exit__(None, None, None)


def _numeric_owner(user: str) -> tuple[int, int] | None:
    uid, _, gid = user.partition(":")
    if not (uid.isascii() and uid.isdigit()):
        return None
    return int(uid), int(gid) if gid.isascii() and gid.isdigit() else int(uid)
