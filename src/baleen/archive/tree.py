"""Whole directory trees by descriptor: removing and measuring them.

Depth is no problem: a tree made by a container may be nested deeper than Python's stack, the number
of descriptors or PATH_MAX allow.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from baleen.linux.path import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, openat2

__all__ = ["DIRECTORY", "measure_tree", "open_below", "open_directory", "remove_tree"]

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""Flags to open a directory that must not be a symbolic link."""

_DEPTH = 64
_HOP = 4000


def open_directory(parent: int, name: bytes | str) -> int:
    """Open the directory `name` in `parent`; a symbolic link gives ENOTDIR or ELOOP."""
    return os.open(name, DIRECTORY, dir_fd=parent)


def remove_tree(parent: int, name: bytes | str) -> None:
    """Remove `name` in `parent` and all below it; success means that it is gone.

    Links are removed, never followed. Directories nested deeper than 64 are first moved up beside
    the top one, so that a bounded number of descriptors is open.
    """
    pending = [os.fsencode(name)]
    serial = 0
    while pending:
        top = pending.pop()
        moved = _remove(parent, top, 0, parent, serial)
        serial += len(moved)
        if moved:
            pending.append(top)
            pending.extend(moved)


def _remove(parent: int, name: bytes, depth: int, base: int, serial: int) -> list[bytes]:
    """Remove what can be; return the new names in `base` of the directories that were too deep."""
    try:
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        return []
    except OSError:
        # EISDIR on Linux, EPERM by POSIX.
        if not stat.S_ISDIR(os.lstat(name, dir_fd=parent).st_mode):
            raise
    else:
        return []
    if depth == _DEPTH:
        moved = b".removing-%d-%d" % (os.getpid(), serial)
        os.rename(name, moved, src_dir_fd=parent, dst_dir_fd=base)
        return [moved]
    moved_names: list[bytes] = []
    directory = open_directory(parent, name)
    try:
        for child in os.listdir(directory):
            moved_names += _remove(
                directory, os.fsencode(child), depth + 1, base, serial + len(moved_names)
            )
    finally:
        os.close(directory)
    with suppress(FileNotFoundError):
        os.rmdir(name, dir_fd=parent)
    return moved_names


def open_below(directory: int, path: bytes) -> int:
    """Open the directory `path` (empty: itself) below `directory`; no symbolic link on the way.

    The path may be longer than PATH_MAX.
    """
    current = os.dup(directory)
    try:
        while path:
            cut = len(path) if len(path) < _HOP else path.rfind(b"/", 0, _HOP)
            deeper = openat2(
                current,
                os.fsdecode(path[:cut]),
                DIRECTORY,
                resolve=RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
            )
            os.close(current)
            current, path = deeper, path[cut + 1 :]
    except BaseException:
        os.close(current)
        raise
    return current


def measure_tree(directory: int) -> tuple[int, int]:
    """Return the bytes on disk and the number of inodes below (and with) the open `directory`.

    Hard links count once, other file systems mounted below not at all. What vanishes while being
    measured is left out.
    """
    top = os.fstat(directory)
    size, inodes = top.st_blocks * 512, 1
    linked: set[int] = set()
    pending = [b""]
    while pending:
        path = pending.pop()
        try:
            current = open_below(directory, path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        try:
            for child in map(os.fsencode, os.listdir(current)):
                try:
                    info = os.lstat(child, dir_fd=current)
                except FileNotFoundError:
                    continue
                if info.st_dev != top.st_dev or info.st_ino in linked:
                    continue
                if stat.S_ISDIR(info.st_mode):
                    pending.append(path + b"/" + child if path else child)
                elif info.st_nlink > 1:
                    linked.add(info.st_ino)
                size += info.st_blocks * 512
                inodes += 1
        finally:
            os.close(current)
    return size, inodes
