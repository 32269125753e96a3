"""Cache mounts: directories that RUNs share, from one build to the next.

    <root>/<name>/fs            what is mounted
    <root>/<name>/cache.json    whose it is, when it was used; written before it has its name
    <root>/.<random>            being made or removed; removed at start

`<name>` is a hash: an id is any text, and never part of a path. Of a `private` cache there may be
several, `<name>-1` and so on, one for each step that uses it at the same time.

What is in a cache is never part of a key, a layer or an image.

See: Dockerfile reference, RUN --mount=type=cache.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec

from baleen.archive.clone import clone_tree
from baleen.archive.tree import DIRECTORY, measure_tree, remove_tree

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from baleen.linux.fd import Fd

    Ids = Callable[[int, int], tuple[int, int]]
    Sharing = Literal["shared", "private", "locked"]

__all__ = ["CacheMounts", "CacheUse", "Usage"]

_RECORD = "cache.json"
_FILES = "fs"
_TEMPORARY = "."


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheUse:
    """What a step asks for; equal ones mean the same cache.

    Attributes:
        id: any text.
        base: names what it is filled with at first; "" for nothing.
        uid, gid, mode: of its top directory, as processes see them.
        scope: keeps caches of other ids of processes apart (`--userns-remap`).
    """

    id: str
    base: str = ""
    uid: int = 0
    gid: int = 0
    mode: int = 0o755
    scope: str = ""

    @property
    def name(self) -> str:
        """The directory's."""
        return hashlib.sha256(msgspec.json.encode(msgspec.to_builtins(self))).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """One cache on disk.

    Attributes:
        name: of its directory; what `prune` takes.
        id: as the Dockerfile gives it.
        in_use: a step has it mounted.
    """

    name: str
    id: str
    size_bytes: int
    created_ns: int
    last_used_ns: int
    uses: int
    in_use: bool


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    """cache.json."""

    id: str
    created_ns: int
    last_used_ns: int
    uses: int = 0


class CacheMounts:
    """See the module's text. To be used on one event loop; what is marked so blocks.

    Args:
        root: a directory of its own.
        to_host: the host's ids of processes', where they differ.
    """

    def __init__(self, root: Path, to_host: Ids | None = None) -> None:
        self._root = root
        self._to_host = to_host
        self._users: dict[str, int] = {}
        self._exclusive: set[str] = set()
        self._changed = asyncio.Condition()

    def start(self) -> None:
        """Remove what a crash left. Blocks."""
        if not self._root.is_dir():
            return
        for path in list(self._root.iterdir()):
            if path.name.startswith(_TEMPORARY) or not (path / _RECORD).exists():
                self._remove(path.name)

    @asynccontextmanager
    async def used(
        self, wanted: CacheUse, sharing: Sharing, base: Callable[[], Fd | None]
    ) -> AsyncIterator[Path]:
        """Give the directory to mount, made if missing and filled with what `base` opens.

        `locked` waits until nobody else uses it; `shared` waits for a locked one; `private` gets
        another one if it is in use. Who needs several takes them in the order of their names.
        """
        name = await self._take(wanted.name, sharing)
        try:
            path = await asyncio.to_thread(self._ready, name, wanted, base)
            yield path
        finally:
            async with self._changed:
                self._users[name] -= 1
                if not self._users[name]:
                    del self._users[name]
                self._exclusive.discard(name)
                self._changed.notify_all()

    async def _take(self, name: str, sharing: Sharing) -> str:
        async with self._changed:
            if sharing == "private":
                number = 0
                free = name
                while free in self._users:
                    number += 1
                    free = f"{name}-{number}"
                name = free
            elif sharing == "locked":
                await self._changed.wait_for(lambda: name not in self._users)
            else:
                await self._changed.wait_for(lambda: name not in self._exclusive)
            self._users[name] = self._users.get(name, 0) + 1
            if sharing != "shared":
                self._exclusive.add(name)
        return name

    def _ready(self, name: str, wanted: CacheUse, base: Callable[[], Fd | None]) -> Path:
        place = self._root / name
        now = time.time_ns()
        try:
            record = msgspec.json.decode((place / _RECORD).read_bytes(), type=_Record)
        except (OSError, msgspec.DecodeError):
            self._remove(name)
            self._make(name, wanted, base, _Record(id=wanted.id, created_ns=now, last_used_ns=now))
        else:
            record = msgspec.structs.replace(record, last_used_ns=now, uses=record.uses + 1)
            temporary = place / f"{_RECORD}.{secrets.token_hex(4)}"
            temporary.write_bytes(msgspec.json.encode(record))
            temporary.rename(place / _RECORD)
        return place / _FILES

    def _make(
        self, name: str, wanted: CacheUse, base: Callable[[], Fd | None], record: _Record
    ) -> None:
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._root / f"{_TEMPORARY}{secrets.token_hex(8)}"
        draft.mkdir(mode=0o700)
        files = draft / _FILES
        files.mkdir(mode=0o700)
        try:
            source = base()
            if source is not None:
                with source:
                    _fill(source, files, self._to_host)
            else:
                owner = (wanted.uid, wanted.gid)
                os.chown(files, *(owner if self._to_host is None else self._to_host(*owner)))
                files.chmod(wanted.mode)
            (draft / _RECORD).write_bytes(msgspec.json.encode(record))
            with suppress(OSError):  # another shared user was quicker
                draft.rename(self._root / name)
        finally:
            self._remove(draft.name)

    # -- what is there

    def usage(self) -> list[Usage]:
        """Return all caches. Blocks, as long as measuring takes."""
        found = []
        for place in sorted(self._root.iterdir()) if self._root.is_dir() else ():
            try:
                record = msgspec.json.decode((place / _RECORD).read_bytes(), type=_Record)
                files = os.open(place / _FILES, DIRECTORY)
            except (OSError, msgspec.DecodeError):
                continue
            try:
                size, _ = measure_tree(files)
            finally:
                os.close(files)
            found.append(
                Usage(
                    name=place.name,
                    id=record.id,
                    size_bytes=size,
                    created_ns=record.created_ns,
                    last_used_ns=record.last_used_ns,
                    uses=record.uses + 1,
                    in_use=place.name in self._users,
                )
            )
        return found

    async def prune(self, wanted: Callable[[Usage], bool]) -> list[Usage]:
        """Remove the caches that are wanted gone and that no step uses; return them."""
        removed = []
        for usage in await asyncio.to_thread(self.usage):
            if not wanted(usage):
                continue
            async with self._changed:
                if usage.name in self._users:
                    continue
                doomed = f"{_TEMPORARY}{secrets.token_hex(8)}"
                with suppress(FileNotFoundError):
                    (self._root / usage.name).rename(self._root / doomed)
            await asyncio.to_thread(self._remove, doomed)
            removed.append(usage)
        return removed

    def _remove(self, name: str) -> None:
        try:
            root = os.open(self._root, DIRECTORY)
        except FileNotFoundError:
            return
        try:
            remove_tree(root, name)
        finally:
            os.close(root)


def _fill(source: Fd, files: Path, to_host: Ids | None) -> None:
    """Copy the directory `source` into the empty one `files`."""
    target = os.open(files, DIRECTORY)
    try:
        here = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=source.fileno())
        try:
            clone_tree(here, target, to_host)
        finally:
            os.close(here)
    finally:
        os.close(target)
