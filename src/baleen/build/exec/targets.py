"""Places for mounts that a tree does not have, so that none of them ends up in a layer.

The runtime makes what is missing to mount on, in the writable directory: it would become part of
the layer. Taking it away afterwards means to go where the step may have put a link
(CVE-2024-23652). So the missing places are made beforehand:

    overlay     in a layer of their own, right below the writable directory. It is no part of any
                image and goes with the run: nothing has to be cleaned up.
    one piece   (vfs) in the root itself. What was made is removed by the descriptor of the
                directory in which it was made, if it is the same file still, and empty.

The tree does not change while this looks at it: it is not mounted anywhere else.
"""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from baleen.errors import InvalidArgument
from baleen.linux.fd import Fd
from baleen.linux.path import RESOLVE_NO_SYMLINKS, open_in_root

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ALWAYS", "Made", "make_in_layer", "make_in_root", "missing"]

ALWAYS = (
    *(("/proc", True), ("/sys", True), ("/dev", True)),
    *(("/etc/hosts", False), ("/etc/hostname", False), ("/etc/resolv.conf", False)),
)
"""What every process has mounted: the place, and whether it is a directory."""

_LINKS = 40
_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Missing:
    """A place that is not there.

    Attributes:
        existing: names of the directories that are, from the root, no link among them.
        names: what has to be made below them.
        is_directory: whether the last one is a directory.
    """

    existing: tuple[str, ...]
    names: tuple[str, ...]
    is_directory: bool


def missing(root: Fd, wanted: Sequence[tuple[str, bool]]) -> list[Missing]:
    """Return which of the places (path, whether it is a directory) are not in the tree `root`.

    Those inside of another one that is wanted are that mount's own business.

    Raises:
        InvalidArgument: something else is there, or the way to it leads through a file or in a
            circle.
    """
    found = []
    tops: list[str] = []
    for path, is_directory in sorted(wanted):
        if any(path.startswith(f"{top}/") for top in tops):
            continue
        tops.append(path.rstrip("/"))
        place = _look(root, path, is_directory=is_directory)
        if place is not None:
            found.append(place)
    return found


def _look(root: Fd, path: str, *, is_directory: bool) -> Missing | None:
    existing: list[str] = []
    pending = [part for part in reversed(path.split("/")) if part and part != "."]
    links = 0
    while pending:
        part = pending.pop()
        if part == "..":
            existing = existing[:-1]
            continue
        try:
            info = _lstat(root, [*existing, part])
        except FileNotFoundError:
            return Missing(tuple(existing), _rest(path, part, pending), is_directory)
        except NotADirectoryError as err:
            raise InvalidArgument(f"cannot mount at {path}: it is inside of a file") from err
        if stat.S_ISLNK(info.st_mode):
            links += 1
            if links > _LINKS:
                raise InvalidArgument(f"cannot mount at {path}: too many symbolic links")
            target = _readlink(root, [*existing, part])
            if target.startswith("/"):
                existing = []
            pending += [step for step in reversed(target.split("/")) if step and step != "."]
            continue
        if not pending and stat.S_ISDIR(info.st_mode) != is_directory:
            kinds = ("a file", "a directory") if is_directory else ("a directory", "a file")
            raise InvalidArgument(f"cannot mount {kinds[1]} at {path}: there is {kinds[0]}")
        existing.append(part)
    return None


def _rest(path: str, part: str, pending: Sequence[str]) -> tuple[str, ...]:
    names = (part, *reversed(pending))
    if ".." in names:
        raise InvalidArgument(f"cannot mount at {path}: a part of it does not exist")
    return names


def _parent(root: Fd, names: Sequence[str]) -> Fd:
    path = "/".join(names) or "."
    return open_in_root(root.fileno(), path, _DIRECTORY, resolve=RESOLVE_NO_SYMLINKS)


def _lstat(root: Fd, names: Sequence[str]) -> os.stat_result:
    with _parent(root, names[:-1]) as parent:
        return os.lstat(names[-1], dir_fd=parent.fileno())


def _readlink(root: Fd, names: Sequence[str]) -> str:
    with _parent(root, names[:-1]) as parent:
        return os.readlink(names[-1], dir_fd=parent.fileno())


# --- with overlay ---------------------------------------------------------------------------------


def make_in_layer(root: Fd, layer: str, places: Sequence[Missing]) -> None:
    """Make the places in the empty directory `layer`, which will lie over the tree `root`.

    Directories that lead there are as they are in the tree.
    """
    with Fd(os.open(layer, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as top:
        _dress(root, (), top)
        for place in places:
            _make_in_layer(root, top, place)


def _make_in_layer(root: Fd, top: Fd, place: Missing) -> None:
    current = Fd(os.dup(top.fileno()))
    try:
        for depth, name in enumerate(place.existing, 1):
            with suppress(FileExistsError):
                os.mkdir(name, 0o755, dir_fd=current.fileno())
            current = _step(current, name)
            _dress(root, place.existing[:depth], current)
        _make(current, place, None)
    finally:
        current.close()


def _step(current: Fd, name: str) -> Fd:
    with current:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        return Fd(os.open(name, flags, dir_fd=current.fileno()))


def _dress(root: Fd, names: Sequence[str], copy: Fd) -> None:
    """Give the directory `copy` owner, mode, attributes and time of the tree's."""
    with _parent(root, names) as place:
        info = os.fstat(place.fileno())
        own = f"/proc/self/fd/{place.fileno()}"
        for key in os.listxattr(own):
            if ".overlay." not in key:
                with suppress(OSError):  # one that the kernel keeps itself
                    os.setxattr(copy.fileno(), key, os.getxattr(own, key))
    os.fchown(copy.fileno(), info.st_uid, info.st_gid)
    os.fchmod(copy.fileno(), stat.S_IMODE(info.st_mode))
    os.utime(copy.fileno(), ns=(info.st_atime_ns, info.st_mtime_ns))


# --- in one piece ---------------------------------------------------------------------------------


class Made:
    """What was made in a root, to be removed again; a context manager that removes it."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def add(self, parent: Fd, name: str) -> None:
        """Remember `name`, which was made in the directory `parent`."""
        held = self._stack.enter_context(Fd(os.dup(parent.fileno())))
        info = os.lstat(name, dir_fd=held.fileno())
        self._stack.callback(_unmake, held, name, (info.st_dev, info.st_ino))

    def remove(self) -> None:
        """Remove what is still what was made, and empty. Idempotent."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.remove()


def make_in_root(root: Fd, places: Sequence[Missing], owner: tuple[int, int] = (0, 0)) -> Made:
    """Make the places in the writable tree `root`."""
    with ExitStack() as undo:
        made = undo.enter_context(Made())
        for place in places:
            with _parent(root, place.existing) as parent:
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
                current = Fd(os.open(".", flags, dir_fd=parent.fileno()))
            try:
                _make(current, place, made, owner)
            finally:
                current.close()
        undo.pop_all()
    return made


def _make(current: Fd, place: Missing, made: Made | None, owner: tuple[int, int] = (0, 0)) -> None:
    """Make what is missing in the directory `current`; what is made by now stays as it is."""
    here = Fd(os.dup(current.fileno()))
    try:
        for index, name in enumerate(place.names):
            last = index + 1 == len(place.names)
            try:
                if last and not place.is_directory:
                    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                    os.close(os.open(name, flags, 0o644, dir_fd=here.fileno()))
                else:
                    os.mkdir(name, 0o755, dir_fd=here.fileno())
            except FileExistsError:
                pass
            else:
                os.chmod(
                    name, 0o755 if place.is_directory or not last else 0o644, dir_fd=here.fileno()
                )
                os.chown(name, *owner, dir_fd=here.fileno(), follow_symlinks=False)
                if made is not None:
                    made.add(here, name)
            if not last:
                here = _step(here, name)
    finally:
        here.close()


def _unmake(parent: Fd, name: str, inode: tuple[int, int]) -> None:
    with suppress(OSError):  # gone, or not empty
        info = os.lstat(name, dir_fd=parent.fileno())
        if (info.st_dev, info.st_ino) != inode:
            return
        if stat.S_ISDIR(info.st_mode):
            os.rmdir(name, dir_fd=parent.fileno())
        elif stat.S_ISREG(info.st_mode) and not info.st_size:
            os.unlink(name, dir_fd=parent.fileno())
