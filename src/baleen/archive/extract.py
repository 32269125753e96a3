"""An archive into an existing directory of a live tree: the receiving side of `docker cp`.

Unlike a layer (`apply`), the tree may change under us, symbolic links in it mean what they mean to
the container, and whiteout names mean nothing. A name is resolved by the kernel and what was found
is used by its descriptor.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, Self

from baleen.archive import files
from baleen.archive.entry import Entry, EntryType
from baleen.archive.limits import DEFAULT_LIMITS
from baleen.archive.names import clean, shown
from baleen.archive.reader import TarReader
from baleen.archive.tree import open_directory, remove_tree
from baleen.errors import InvalidArgument
from baleen.linux.fd import Fd
from baleen.linux.path import (
    RESOLVE_BENEATH,
    RESOLVE_NO_MAGICLINKS,
    make_directory,
    open_in_root,
    openat2,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from baleen.archive.limits import Limits

    Ids = Callable[[int, int], tuple[int, int]]

__all__ = ["extract_archive"]

_PATH_DIRECTORY = os.O_PATH | os.O_DIRECTORY

Parts = tuple[bytes, ...]


def extract_archive(
    root: Fd,
    path: str,
    directory: Fd,
    chunks: Iterable[bytes],
    *,
    no_overwrite_dir_non_dir: bool,
    owner: tuple[int, int] | None,
    owners: Ids | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> None:
    """Extract the uncompressed archive into `directory`, which is `path` below `root`.

    Links of the tree that lead out of `directory` are followed below `root`, as the container
    would. See `copy.extract` for the rest.
    """
    strict = no_overwrite_dir_non_dir
    with _Extraction(root, path, directory, owner, owners, strict=strict) as extraction:
        reader = TarReader(chunks, limits)
        for entry in reader:
            try:
                extraction.add(entry, reader.data())
            except OSError as err:
                raise files.failure(err, entry.name, "extract") from err
        reader.drain()
        extraction.finish()


class _Extraction:
    def __init__(
        self,
        root: Fd,
        path: str,
        directory: Fd,
        owner: tuple[int, int] | None,
        owners: Ids | None,
        *,
        strict: bool,
    ) -> None:
        self._owners = owners
        self._root = root
        self._path = path
        self._top = directory
        self._owner = owner
        self._strict = strict
        self._parent_parts: Parts = ()
        self._parent_fd: Fd | None = None
        self._times: dict[Parts, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._forget()

    def add(self, entry: Entry, data: Iterator[memoryview]) -> None:
        """Make what `entry` says."""
        parts = clean(entry.name)
        if not parts:
            # "./" describes the directory that is there already; it stays as it is.
            return
        if self._owner is not None:
            entry.uid, entry.gid = self._owner
        if self._owners is not None:
            entry.uid, entry.gid = self._owners(entry.uid, entry.gid)
        parent = self._parent(parts[:-1])
        name = parts[-1]
        exists = self._make_room(parent, parts, entry)
        if entry.type is EntryType.DIRECTORY:
            if not exists:
                os.mkdir(name, 0o700, dir_fd=parent)
            fd = open_directory(parent, name)
            try:
                files.set_directory(fd, entry)
            finally:
                os.close(fd)
            self._times[parts] = entry.mtime_ns
        elif entry.type is EntryType.HARDLINK:
            self._hardlink(parent, name, entry)
        elif files.can_be_made(entry):
            files.create(parent, name, entry, data)

    def finish(self) -> None:
        """Set the times of the directories, now that nothing is added to them any more."""
        for parts, mtime_ns in self._times.items():
            try:
                fd = Fd(
                    openat2(
                        self._top.fileno(),
                        os.fsdecode(b"/".join(parts)),
                        os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW,
                        resolve=RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
                    )
                )
            except OSError:
                # Replaced by a later entry, or reached through a link that leads elsewhere.
                continue
            with fd:
                os.utime(fd.fileno(), ns=(mtime_ns, mtime_ns))

    def _make_room(self, parent: int, parts: Parts, entry: Entry) -> bool:
        """Remove what is in the way; return whether a directory is there to be merged with."""
        name = parts[-1]
        try:
            info = os.lstat(name, dir_fd=parent)
        except FileNotFoundError:
            return False
        is_directory = stat.S_ISDIR(info.st_mode)
        wants_directory = entry.type is EntryType.DIRECTORY
        if is_directory and wants_directory:
            return True
        if self._strict and is_directory != wants_directory:
            old, new = (
                ("directory", "non-directory") if is_directory else ("non-directory", "directory")
            )
            place = f"{self._path.rstrip('/')}/{os.fsdecode(b'/'.join(parts))}"
            raise InvalidArgument(f'cannot overwrite {old} "{place}" with {new} "{self._path}"')
        remove_tree(parent, name)
        return False

    def _hardlink(self, parent: int, name: bytes, entry: Entry) -> None:
        target = clean(entry.linkname) if entry.linkname else ()
        if not target:
            raise InvalidArgument(f"archive entry {shown(entry.name)} has a bad link target")
        with self._open_parent(target[:-1], create=False) as source:
            os.link(
                target[-1],
                name,
                src_dir_fd=source.fileno(),
                dst_dir_fd=parent,
                follow_symlinks=False,
            )

    def _parent(self, parts: Parts) -> int:
        """Return the open directory `parts`, made if missing; kept until another is asked for."""
        if not parts:
            return self._top.fileno()
        if self._parent_fd is None or parts != self._parent_parts:
            self._forget()
            self._parent_fd = self._open_parent(parts, create=True)
            self._parent_parts = parts
        return self._parent_fd.fileno()

    def _forget(self) -> None:
        if self._parent_fd is not None:
            self._parent_fd.close()
            self._parent_fd = None

    def _open_parent(self, parts: Parts, *, create: bool) -> Fd:
        relative = os.fsdecode(b"/".join(parts)) or "."
        try:
            return Fd(
                openat2(
                    self._top.fileno(),
                    relative,
                    _PATH_DIRECTORY,
                    resolve=RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
                )
            )
        except OSError as err:
            # EXDEV: an absolute link, or one that leads up; the container's root decides.
            if err.errno not in (errno.EXDEV, errno.ENOENT):
                raise
        full = f"{self._path}/{relative}"
        if create:
            owner = None if self._owners is None else self._owners(0, 0)
            return make_directory(self._root.fileno(), full, 0o755, owner=owner)
        return open_in_root(self._root.fileno(), full, _PATH_DIRECTORY)
