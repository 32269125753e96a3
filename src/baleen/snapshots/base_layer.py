"""The lowest layer of every container: what is mounted on, and .dockerenv.

One for all, instead of a writable copy for each at its start. Programs look for .dockerenv to
learn that they are in a container.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from baleen.archive.tree import open_directory

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["complete_base", "make_base"]

_DIRECTORIES = ("proc", "sys", "dev", "etc")
_ETC_FILES = ("hosts", "hostname", "resolv.conf")


def make_base(directory: Path) -> None:
    """Have the layer in `directory`, whatever is there of it already (OSError)."""
    for name in ("", *_DIRECTORIES):
        place = directory / name
        place.mkdir(exist_ok=True)
        place.chmod(0o755)
    for name, mode in (
        (".dockerenv", 0o755),
        *((f"etc/{name}", 0o644) for name in _ETC_FILES),
    ):
        file = directory / name
        file.touch()
        file.chmod(mode)


def complete_base(root: int, owner: tuple[int, int]) -> None:
    """Make in the open directory `root` what it lacks of the base (OSError).

    It holds the files of an image: no link in it is followed, nothing of it is changed.
    """
    for name in _DIRECTORIES:
        try:
            os.mkdir(name, 0o755, dir_fd=root)
        except FileExistsError:
            continue
        os.chown(name, *owner, dir_fd=root, follow_symlinks=False)
    _touch(root, ".dockerenv", 0o755, owner)
    if not stat.S_ISDIR(os.lstat("etc", dir_fd=root).st_mode):
        return
    etc = open_directory(root, "etc")
    try:
        for name in _ETC_FILES:
            _touch(etc, name, 0o644, owner)
    finally:
        os.close(etc)


def _touch(directory: int, name: str, mode: int, owner: tuple[int, int]) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(name, flags, mode, dir_fd=directory)
    except FileExistsError:
        return
    try:
        os.fchmod(fd, mode)
        os.fchown(fd, *owner)
    finally:
        os.close(fd)
