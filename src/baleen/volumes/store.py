"""Volumes by name: made, listed, used, filled and removed.

    <root>/<name>/_data      what containers see; the volume's Mountpoint
    <root>/.removing-*       a volume on its way out; the next start finishes the removal

The live view is in memory, written through to the database. A directory without a record (the
database was lost) is taken over as a volume without options, never removed.

See: Engine API v1.55 /volumes/*.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import threading
import time
from typing import TYPE_CHECKING, Final

import msgspec

from baleen.api import Volume, VolumeUsageData
from baleen.api.names import is_name
from baleen.errors import Conflict, DataLoss, InvalidArgument, NotFound
from baleen.linux.fd import Fd
from baleen.linux.path import open_in_root
from baleen.volumes.copy_up import copy_directory, is_empty
from baleen.volumes.filters import compile_filters, compile_prune_filters
from baleen.volumes.mounts import mount_volume, mounts_below, unmount_below
from baleen.volumes.names import check_volume_name
from baleen.volumes.options import check_options, mount_source
from baleen.volumes.record import ANONYMOUS_LABEL, VolumeRecord, decode_record, encode_record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from baleen.state.database import Database

__all__ = ["VolumeStore"]

_REMOVING: Final = ".removing-"


_Names = list[str]  # inside the class the word is taken by a method


class VolumeStore:
    """All local volumes.

    Methods may be called from several threads; those that touch file content (`copy_up`, `remove`,
    `prune`, `size`, and `mount` of a network file system) block.

    Args:
        database: its table "volumes" belongs to this store.
        root: `<data root>/volumes`, made when missing.
        owner: uid and gid of new volumes, None for our own.
    """

    def __init__(
        self, database: Database, root: Path, *, owner: tuple[int, int] | None = None
    ) -> None:
        self._owner = owner
        self._database = database
        self._root = root
        self._lock = threading.Lock()
        self._records: dict[str, VolumeRecord] = {}
        self._users: dict[str, set[str]] = {}
        self._mounted_for: dict[str, set[str]] = {}

    def load(self) -> None:
        """Read all volumes and finish removals that a crash interrupted; called once.

        Raises:
            DataLoss: a stored document is damaged.
        """
        self._root.mkdir(mode=0o701, parents=True, exist_ok=True)
        for name, document in self._database.all("volumes"):
            try:
                self._records[name] = decode_record(document)
            except msgspec.MsgspecError as err:
                raise DataLoss(f"the stored record of volume {name} is damaged: {err}") from err
            if not (self._root / name).is_dir():  # `remove` had moved it away
                del self._records[name]
                self._database.delete("volumes", name)
        with os.scandir(self._root) as found:
            entries = list(found)
        for entry in entries:
            if entry.name.startswith(_REMOVING):
                self._delete(self._root / entry.name)
            elif entry.name not in self._records and _is_unborn(self._root / entry.name):
                continue
            elif (
                entry.name not in self._records
                and is_name(entry.name)
                and os.path.isdir(f"{entry.path}/_data")  # noqa: PTH112
            ):
                self._keep(VolumeRecord(name=entry.name, created_at=_now()))

    # --- making and looking ------------------------------------------------------------------

    def create(
        self,
        name: str | None,
        *,
        driver: str = "local",
        options: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        anonymous: bool = False,
        made_for: str = "",
    ) -> tuple[Volume, bool]:
        """Return the volume of that name, and whether it is new.

        A volume that is there already is returned as it is. Without a name one of 64 hex digits is
        made up; `anonymous` marks it as one that `prune` and `docker rm -v` may take. A new one
        that is `made_for` a container goes with it, see `unclaimed`.

        Raises:
            InvalidArgument: a malformed name or option.
            NotFound: a driver other than `local`.
        """
        if driver != "local":
            raise NotFound(
                f"create {name or ''}: error looking up volume plugin {driver[:64]}: "
                f'plugin "{driver[:64]}" not found'
            )
        chosen = dict(options or {})
        try:
            checked = check_volume_name(name) if name else secrets.token_hex(32)
            check_options(chosen)
        except InvalidArgument as err:
            raise InvalidArgument(f"create {(name or '')[:256]}: {err.message}") from err
        with self._lock:
            found = self._records.get(checked)
            if found is not None:
                return self._shown(found), False
            marked = dict(labels or {})
            if anonymous or not name:
                marked.setdefault(ANONYMOUS_LABEL, "")
            self._make_directories(checked)
            record = VolumeRecord(
                name=checked,
                created_at=_now(),
                options=chosen,
                labels=marked,
                made_for=made_for,
            )
            self._keep(record)
            return self._shown(record), True

    def _make_directories(self, name: str) -> None:
        directory = self._root / name
        directory.mkdir(mode=0o701, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            (directory / "_data").mkdir(mode=0o755)
            # The umask must not decide what containers may read.
            (directory / "_data").chmod(0o755)
            if self._owner is not None:
                os.chown(directory / "_data", *self._owner)

    def _keep(self, record: VolumeRecord) -> None:
        self._database.put("volumes", record.name, encode_record(record))
        self._records[record.name] = record

    def _get(self, name: str) -> VolumeRecord:
        record = self._records.get(name)
        if record is None:
            raise NotFound(f"get {name}: no such volume")
        return record

    def inspect(self, name: str) -> Volume:
        """Return the API's view of a volume (NotFound)."""
        return self._shown(self._get(name))

    def _shown(self, record: VolumeRecord) -> Volume:
        return Volume(
            name=record.name,
            driver="local",
            mountpoint=str(self.data_path(record.name)),
            created_at=record.created_at,
            labels=record.labels,
            options=record.options,
            scope="local",
        )

    def is_anonymous(self, name: str) -> bool:
        """Whether the volume was made without a name (False when there is none)."""
        record = self._records.get(name)
        return record is not None and ANONYMOUS_LABEL in record.labels

    def outlive(self, name: str) -> None:
        """Let the volume stay although the container that it was made for goes."""
        with self._lock:
            record = self._records.get(name)
            if record is not None and record.made_for:
                self._keep(msgspec.structs.replace(record, made_for=""))

    def unclaimed(self, containers: Collection[str]) -> _Names:
        """Return the volumes made for containers that are not among these.

        A create or a removal that was cut off has left them.
        """
        records = self._records.values()
        return [r.name for r in records if r.made_for and r.made_for not in containers]

    def data_path(self, name: str) -> Path:
        """Return the directory that containers see; the name must be a volume's."""
        return self._root / name / "_data"

    def count(self) -> int:
        """Return how many volumes there are."""
        return len(self._records)

    # --- lists ---------------------------------------------------------------------------------

    def list(self, filters: Mapping[str, Sequence[str]]) -> list[Volume]:
        """Return the volumes that pass all filters, by name.

        Raises:
            InvalidArgument: an unknown filter or a malformed value.
        """
        tests = compile_filters(filters, is_free=self._is_free)
        with self._lock:
            return [
                self._shown(record)
                for _, record in sorted(self._records.items())
                if all(test(record) for test in tests)
            ]

    def _is_free(self, record: VolumeRecord) -> bool:
        return not self._users.get(record.name)

    # --- use -----------------------------------------------------------------------------------

    def use(self, name: str, container_id: str) -> None:
        """Note that a container, running or not, refers to the volume."""
        with self._lock:
            self._users.setdefault(name, set()).add(container_id)

    def unuse(self, name: str, container_id: str) -> None:
        """Forget that reference; idempotent."""
        with self._lock:
            users = self._users.get(name)
            if users is not None:
                users.discard(container_id)
                if not users:
                    del self._users[name]

    def users(self, name: str) -> _Names:
        """Return the ids of the containers that refer to the volume."""
        return sorted(self._users.get(name, ()))

    def mount(self, name: str, container_id: str) -> None:
        """Mount a volume that has mount options, for a container that starts; else do nothing.

        Idempotent. Network file systems may block as long as their server does.

        Raises:
            NotFound: no such volume.
            Unavailable: the kernel refused the mount.
        """
        record = self._get(name)
        source = mount_source(record.options)
        self._make_directories(name)  # somebody may have removed it by hand
        if source is None:
            return
        with self._lock:
            target = str(self.data_path(name))
            if not mounts_below(self.data_path(name)):
                mount_volume(name, source, target)
            self._mounted_for.setdefault(name, set()).add(container_id)

    def unmount(self, name: str, container_id: str) -> None:
        """Take the mount down after its last running user; idempotent."""
        record = self._records.get(name)
        if record is None or not record.options:
            return
        with self._lock:
            users = self._mounted_for.get(name, set())
            users.discard(container_id)
            if not users:
                self._mounted_for.pop(name, None)
                unmount_below(self.data_path(name))

    def copy_up(self, name: str, root: Fd, destination: str) -> None:
        """Fill an empty volume with the image's directory at `destination`, its mode included.

        Nothing happens when the volume has content, or the image no such directory. The copy
        becomes visible as a whole. `root` stays the caller's.

        Raises:
            NotFound: no such volume.
            ResourceExhausted or OSError: the copy failed; the volume is still empty.
        """
        record = self._get(name)
        try:
            source = open_in_root(root.fileno(), destination, os.O_RDONLY | os.O_DIRECTORY)
        except (FileNotFoundError, NotADirectoryError):
            return
        with source:
            if mount_source(record.options) is not None:
                token = secrets.token_hex(8)
                self.mount(name, token)
                try:
                    self._copy_into(self.data_path(name), source)
                finally:
                    self.unmount(name, token)
                return
            data = self.data_path(name)
            with Fd(os.open(data, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as target:
                if not is_empty(target):
                    return
            fresh = self._root / name / f"_new-{secrets.token_hex(8)}"
            fresh.mkdir(mode=0o700)
            try:
                self._copy_into(fresh, source)
                # Replaces the empty directory in one step; fails if it has got content meanwhile.
                with contextlib.suppress(OSError):
                    fresh.rename(data)
            finally:
                shutil.rmtree(fresh, ignore_errors=True)

    @staticmethod
    def _copy_into(directory: Path, source: Fd) -> None:
        with Fd(os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as target:
            if is_empty(target):
                copy_directory(source, target)

    # --- removal -------------------------------------------------------------------------------

    def remove(self, name: str, *, force: bool = False) -> None:
        """Remove a volume and its content.

        With `force`, one that does not exist is no error; one in use always is.

        Raises:
            NotFound: no such volume.
            Conflict: a container refers to it.
        """
        with self._lock:
            record = self._records.get(name)
            if record is None:
                if force:
                    return
                raise NotFound(f"get {name}: no such volume")
            users = self.users(name)
            if users:
                raise Conflict(f"remove {name}: volume is in use - [{', '.join(users)}]")
            unmount_below(self._root / name)
            trash = self._root / f"{_REMOVING}{secrets.token_hex(8)}"
            with contextlib.suppress(FileNotFoundError):
                (self._root / name).rename(trash)
            self._database.delete("volumes", name)
            del self._records[name]
        self._delete(trash)

    @staticmethod
    def _delete(directory: Path) -> None:
        """Delete a tree, but never what is mounted in it."""
        unmount_below(directory)
        shutil.rmtree(directory, ignore_errors=True)

    def prune(self, filters: Mapping[str, Sequence[str]]) -> tuple[_Names, int]:
        """Remove unused anonymous volumes (all unused ones with filter `all`).

        Returns:
            The names that were removed, and the bytes that were freed.

        Raises:
            InvalidArgument: an unknown filter or a malformed value.
        """
        tests, everything = compile_prune_filters(filters)
        with self._lock:
            candidates = [
                record.name
                for record in self._records.values()
                if self._is_free(record)
                and (everything or ANONYMOUS_LABEL in record.labels)
                and all(test(record) for test in tests)
            ]
        removed: _Names = []
        freed = 0
        for name in sorted(candidates):
            size = self.size(name)
            try:
                self.remove(name)
            except (Conflict, NotFound):  # a container took it, or somebody was faster
                continue
            removed.append(name)
            freed += size
        return removed, freed

    def size(self, name: str) -> int:
        """Return the bytes of all files of a volume, hard links counted once."""
        return sum(_file_sizes(str(self.data_path(name))))

    def usage(self, name: str) -> VolumeUsageData:
        """Return size and number of containers, for `docker system df`."""
        return VolumeUsageData(size=self.size(name), ref_count=len(self.users(name)))


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _file_sizes(directory: str) -> Iterable[int]:
    seen: set[tuple[int, int]] = set()
    pending = [directory]
    while pending:
        with contextlib.suppress(OSError), os.scandir(pending.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                elif status.st_nlink == 1 or (status.st_dev, status.st_ino) not in seen:
                    seen.add((status.st_dev, status.st_ino))
                    yield status.st_size


def _is_unborn(directory: Path) -> bool:
    """Remove what a create that was cut off has left: a volume without record and without content.

    Returns whether that was the case. Only rmdir(2) is used, so nothing can be lost.
    """
    if not is_name(directory.name):
        return False
    try:
        with contextlib.suppress(FileNotFoundError):
            (directory / "_data").rmdir()
        directory.rmdir()
    except OSError:
        return False
    return True
