"""What is different between two directory trees, of which one began as a copy of the other.

Files are taken for equal by what they are, owner, mode, size and time, as Docker does.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from baleen.archive.below import lstat
from baleen.archive.tree import open_below

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Ids = Callable[[int, int], tuple[int, int]]

__all__ = ["ADDED", "DELETED", "MODIFIED", "compare_trees"]

MODIFIED, ADDED, DELETED = 0, 1, 2


def compare_trees(old: int, new: int, owners: Ids | None = None) -> dict[bytes, int]:
    """Return what became of which path (without leading slash) from `old` to `new`.

    A directory in which something is different counts as modified. What is below an added one is
    listed, what was below a deleted one is not. `owners` gives the ids in `new` for those in `old`.
    """
    found: dict[bytes, int] = {}
    pending = [b""]
    while pending:
        path = pending.pop()
        for child, kind, is_directory in _in_directory(old, new, path, owners):
            if kind is not None:
                found[child] = kind
                above = path
                while above and above not in found:
                    found[above] = MODIFIED
                    above = above.rpartition(b"/")[0]
            if is_directory:
                pending.append(child)
    return found


def _in_directory(
    old: int, new: int, path: bytes, owners: Ids | None
) -> Iterator[tuple[bytes, int | None, bool]]:
    after, before = open_below(new, path), -1
    try:
        try:
            before = open_below(old, path)
        except OSError:
            before = -1  # it was no directory, or nothing
        names = set(map(os.fsencode, os.listdir(after)))
        for name in names:
            child = path + b"/" + name if path else name
            info = lstat(after, name)
            if info is None:
                continue
            was = lstat(before, name) if before >= 0 else None
            kind = ADDED if was is None else _kind(was, info, owners)
            yield child, kind, stat.S_ISDIR(info.st_mode)
        if before >= 0:
            for name in set(map(os.fsencode, os.listdir(before))) - names:
                yield path + b"/" + name if path else name, DELETED, False
    finally:
        os.close(after)
        if before >= 0:
            os.close(before)


def _kind(was: os.stat_result, info: os.stat_result, owners: Ids | None) -> int | None:
    ids = (was.st_uid, was.st_gid)
    if owners is not None:
        ids = owners(*ids)
    same = was.st_mode == info.st_mode and ids == (info.st_uid, info.st_gid)
    if not stat.S_ISDIR(info.st_mode):
        same = same and (was.st_size, was.st_mtime_ns, was.st_rdev) == (
            info.st_size,
            info.st_mtime_ns,
            info.st_rdev,
        )
    return None if same else MODIFIED
