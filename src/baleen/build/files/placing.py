"""Directories and places in a tree that is worked on, found and made without leaving it.

A path is walked one component at a time from the descriptor of the root; a symbolic link is read
and walked by us, as a process in the tree would, also where it leads to something that does not
exist yet. So a link to `/etc` is the tree's /etc, and `/link -> /missing` makes /missing.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from baleen.archive.names import NAME_LIMIT, shown
from baleen.archive.tree import open_below, remove_tree
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from baleen.linux.fd import Fd

__all__ = ["Place", "Places"]

_LINKS_LIMIT = 255
_TIME_LIMIT_NS = 1 << 62


@dataclass(frozen=True, slots=True)
class Place:
    """A name in a directory of the tree.

    Attributes:
        directory: real path of the directory from the root, without links; empty: the root.
        name: empty for the root itself.
        info: what is there, no symbolic link; None: nothing.
    """

    directory: bytes
    name: bytes
    info: os.stat_result | None

    @property
    def path(self) -> bytes:
        """The real path from the root."""
        return self.directory + b"/" + self.name if self.directory else self.name

    @property
    def is_directory(self) -> bool:
        """Whether a directory is there."""
        return self.info is not None and stat.S_ISDIR(self.info.st_mode)


class Places:
    """Finds and makes places below `root`, which stays the caller's.

    Args:
        root: of the tree.
        epoch_ns: no file is younger than that (SOURCE_DATE_EPOCH); None: no bound.
    """

    def __init__(self, root: Fd, *, epoch_ns: int | None = None) -> None:
        self.root = root
        self._epoch_ns = epoch_ns
        self._times: dict[bytes, int] = {}

    # -- paths

    def open(self, path: bytes) -> int:
        """Open the directory at a real path; the descriptor is the caller's."""
        if not path:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
            return os.open(".", flags, dir_fd=self.root.fileno())
        return open_below(self.root.fileno(), path)

    def find(
        self,
        path: str,
        *,
        make: bool = True,
        owner: tuple[int, int] | None = None,
        mode: int = 0o755,
        time_ns: int | None = None,
    ) -> Place:
        """Return the place at `path`, all links resolved; directories on the way are made.

        With `make` false, the directory of the place need not exist: then `info` is None.

        Raises:
            InvalidArgument: something on the way is no directory, a bad path, too many links.
        """
        encoded = os.fsencode(path)
        if len(encoded) > NAME_LIMIT or b"\0" in encoded:
            raise InvalidArgument(f"invalid path {shown(encoded)}")
        real: list[bytes] = []
        pending = [part for part in encoded.split(b"/") if part][::-1]
        links = 0
        while pending:
            part = pending.pop()
            if part == b".":
                continue
            if part == b"..":
                del real[-1:]
                continue
            directory = b"/".join(real)
            info, target = self._look(directory, part)
            if target is not None:
                links += 1
                if links > _LINKS_LIMIT:
                    raise InvalidArgument(f"{shown(encoded)} goes through too many symbolic links")
                if target.startswith(b"/"):
                    real.clear()
                pending.extend(step for step in target.split(b"/")[::-1] if step)
                continue
            if not any(step != b"." for step in pending):
                return Place(directory, part, info)
            if info is None and make:
                self.make_directory(directory, part, owner or (0, 0), mode, time_ns)
            elif info is not None and not stat.S_ISDIR(info.st_mode):
                raise InvalidArgument(
                    f"cannot use /{os.fsdecode(b'/'.join([*real, part]))} as a directory: it is "
                    "something else"
                )
            real.append(part)
        if not real:
            return Place(b"", b"", os.fstat(self.root.fileno()))
        # The path ends in what leads back to a directory that is known.
        directory, name = b"/".join(real[:-1]), real[-1]
        return Place(directory, name, self._look(directory, name)[0])

    def _look(self, directory: bytes, name: bytes) -> tuple[os.stat_result | None, bytes | None]:
        """Return what is there, and of a symbolic link the target."""
        try:
            fd = self.open(directory)
        except FileNotFoundError:
            return None, None
        try:
            info = os.lstat(name, dir_fd=fd)
            if stat.S_ISLNK(info.st_mode):
                return info, os.readlink(name, dir_fd=fd)
        except FileNotFoundError:
            return None, None
        except OSError as err:
            if err.errno == errno.ENAMETOOLONG:
                raise InvalidArgument(f"the name {shown(name)} is too long") from err
            raise
        finally:
            os.close(fd)
        return info, None

    def directory(
        self,
        path: str,
        *,
        owner: tuple[int, int] = (0, 0),
        mode: int = 0o755,
        time_ns: int | None = None,
    ) -> bytes:
        """Make the directory and what is missing above it; return its real path.

        Raises:
            InvalidArgument: there is something else.
        """
        place = self.find(path, owner=owner, mode=mode, time_ns=time_ns)
        if place.info is None:
            self.make_directory(place.directory, place.name, owner, mode, time_ns)
        elif not place.is_directory:
            raise InvalidArgument(f"cannot make the directory {path}: there is a file")
        return place.path

    def make_directory(
        self,
        directory: bytes,
        name: bytes,
        owner: tuple[int, int],
        mode: int,
        time_ns: int | None,
    ) -> None:
        """Make one directory, which must not exist; its time is set by `finish`."""
        fd = self.open(directory)
        try:
            os.mkdir(name, 0o700, dir_fd=fd)
            made = open_below(fd, name)
            try:
                os.fchown(made, *owner)
                os.fchmod(made, mode)
            finally:
                os.close(made)
        finally:
            os.close(fd)
        if time_ns is None:
            time_ns = self._epoch_ns
        if time_ns is not None:
            self.set_time(directory + b"/" + name if directory else name, time_ns)

    def clear(self, directory: int, name: bytes, path: bytes) -> None:
        """Remove the file `name`, which is at `path`, so that another can take its place.

        Raises:
            InvalidArgument: it is a directory.
        """
        try:
            info = os.lstat(name, dir_fd=directory)
        except FileNotFoundError:
            return
        if stat.S_ISDIR(info.st_mode):
            raise InvalidArgument(f"cannot replace directory /{os.fsdecode(path)} with a file")
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=directory)

    def remove(self, path: str) -> None:
        """Remove what is at `path`, a link itself and not what it leads to; absent is fine."""
        head, _, name = os.fsencode(path).rstrip(b"/").rpartition(b"/")
        if name in (b"", b".", b".."):
            raise InvalidArgument(f"cannot remove {path!r}: it names no file")
        above = self.find(os.fsdecode(head) or "/", make=False)
        if not above.is_directory:
            return
        fd = self.open(above.path)
        try:
            remove_tree(fd, name)
        finally:
            os.close(fd)

    # -- times

    def clamped(self, time_ns: int) -> int:
        """Return a time that the build may leave and a file system can hold."""
        if self._epoch_ns is not None and time_ns > self._epoch_ns:
            return self._epoch_ns
        return max(-_TIME_LIMIT_NS, min(time_ns, _TIME_LIMIT_NS))

    def set_time(self, path: bytes, time_ns: int) -> None:
        """Note the time of the directory at a real path: `finish` sets it."""
        self._times[path] = self.clamped(time_ns)

    def finish(self) -> None:
        """Set the times of the directories, now that nothing is added to them any more."""
        for path, time_ns in self._times.items():
            try:
                fd = self.open(path)
            except OSError:
                continue  # something else took its place
            try:
                os.utime(fd, ns=(time_ns, time_ns))
            finally:
                os.close(fd)
        self._times.clear()
