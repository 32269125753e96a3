"""A run's directory on this host, and what is mounted in it for the run alone.

    <exec root>/builds/<id>/            config.json, start.json, control.sock
                            m0, m1 ...  trees that the run binds

A process can only bind what is in the mount namespace of who starts it; so trees are attached here
for the length of a run. A daemon that dies leaves them; the next one removes them (`sweep`).

See: mount_namespaces(7); move_mount(2).
"""

from __future__ import annotations

import errno
import logging
import os
import secrets
import shutil
import stat
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from baleen.linux import mount
from baleen.linux.fd import Fd
from baleen.linux.path import open_in_root

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Place", "sweep"]

log = logging.getLogger(__name__)

_ATTRIBUTES = mount.MOUNT_ATTR_NODEV | mount.MOUNT_ATTR_NOSUID


class Place:
    """See the module's text; a context manager. Calls block.

    Attributes:
        id: 64 hexadecimal digits.
        path: the directory.
    """

    def __init__(self, above: Path) -> None:
        self.id = secrets.token_hex(32)
        self.path = above / self.id
        self._mounted: list[str] = []
        self._has_mounts = False
        self._closed = False

    def attach(self, root: Fd, source: str, *, read_only: bool) -> str:
        """Attach what `source` is in the tree `root`; return the path that shows it.

        `root` is a directory, or a detached mount, which is attached then. Links are resolved
        inside of it.

        Raises:
            OSError: there is no such file.
        """
        with ExitStack() as stack:
            tree = stack.enter_context(_clone(root))
            hidden = self._mount(tree, directory=True)
            if source.strip("/"):
                place = stack.enter_context(Fd(os.open(hidden, os.O_PATH | os.O_DIRECTORY)))
                found = stack.enter_context(open_in_root(place.fileno(), source))
                kind = os.fstat(found.fileno()).st_mode
                if not (stat.S_ISDIR(kind) or stat.S_ISREG(kind)):
                    raise OSError(errno.EINVAL, "neither a file nor a directory", source)
                part = stack.enter_context(mount.open_tree(directory=found.fileno()))
                self._unmount(hidden)
                hidden = self._mount(part, directory=stat.S_ISDIR(kind))
                tree = part
            attributes = _ATTRIBUTES | (mount.MOUNT_ATTR_RDONLY if read_only else 0)
            mount.mount_setattr(tree.fileno(), set_=attributes)
        return hidden

    def tmpfs(self, options: str) -> Path:
        """Mount an empty file system in memory; return its directory."""
        target = self._target(directory=True)
        flags = mount.MS_NOSUID | mount.MS_NODEV | mount.MS_NOEXEC
        self._mounted.append(target)
        try:
            mount.mount("tmpfs", target, "tmpfs", flags, f"{options},noswap")
        except OSError:  # noswap: Linux 6.4
            mount.mount("tmpfs", target, "tmpfs", flags, options)
        return Path(target)

    def _mount(self, tree: Fd, *, directory: bool) -> str:
        target = self._target(directory=directory)
        with Fd(os.open(target, os.O_PATH | os.O_NOFOLLOW)) as place:
            mount.move_mount(tree.fileno(), place.fileno())
        self._mounted.append(target)
        return target

    def _target(self, *, directory: bool) -> str:
        self._has_mounts = True
        target = self.path / f"m{len(self._mounted)}-{secrets.token_hex(4)}"
        if directory:
            target.mkdir(mode=0o700)
        else:
            target.touch(mode=0o600)
        return str(target)

    def _unmount(self, target: str) -> None:
        mount.umount2(target, mount.MNT_DETACH)
        self._mounted.remove(target)

    def close(self) -> None:
        """Unmount all and remove the directory. Idempotent."""
        if self._closed:
            return
        self._closed = True
        for target in reversed(self._mounted):
            with suppress(OSError):  # it was never mounted
                mount.umount2(target, mount.MNT_DETACH)
        self._mounted.clear()
        if self._has_mounts:
            _remove(self.path)
        else:
            shutil.rmtree(self.path, ignore_errors=True)

    def __enter__(self) -> Self:
        self.path.parent.mkdir(mode=0o700, exist_ok=True)
        self.path.mkdir(mode=0o700)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def sweep(above: Path, end: Callable[[str, Path], None]) -> None:
    """Remove what a daemon that died left of its runs; `end` ends their processes. Blocks."""
    if not above.is_dir():
        return
    for directory in list(above.iterdir()):
        end(directory.name, directory)
        _remove(directory)


def _clone(root: Fd) -> Fd:
    """Return a detached mount of the directory: itself if it is one, else a copy."""
    try:
        return mount.open_tree(directory=root.fileno())
    except OSError as err:
        if err.errno != errno.EINVAL:
            raise
        # Before Linux 6.15 what is detached cannot be copied, only attached.
        return Fd(os.dup(root.fileno()))


def _remove(directory: Path) -> None:
    """Remove the directory, and never what is mounted in it."""
    for _ in range(3):
        below = _mounts_below(directory)
        if not below:
            shutil.rmtree(directory, ignore_errors=True)
            return
        for path in reversed(below):
            with suppress(OSError):
                mount.umount2(path, mount.MNT_DETACH)
    log.error("%s has mounts that do not go; it is left", directory)


def _mounts_below(directory: Path) -> list[str]:
    prefix = f"{directory.resolve()}/"
    found = []
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:  # noqa: PTH123
        for line in lines:
            path = mount.unescape(line.split(" ", 5)[4])
            if path.startswith(prefix):
                found.append(path)
    return found
