"""What is mounted at and below a directory, and taking it down.

`os.path.ismount` does not see a bind mount within one file system; the kernel's own list does.

See: proc_pid_mountinfo(5), umount2(2).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from baleen.errors import Unavailable
from baleen.linux.mount import (
    MNT_DETACH,
    MS_BIND,
    MS_RDONLY,
    MS_REC,
    MS_REMOUNT,
    mount,
    umount2,
)

if TYPE_CHECKING:
    from pathlib import Path

    from baleen.volumes.options import MountSource

__all__ = ["mount_volume", "mounts_below", "unmount_below"]

_ESCAPE: Final = re.compile(rb"\\([0-7]{3})")


def mounts_below(directory: Path) -> list[str]:
    """Return the mount points at and below `directory` in the order in which they were made."""
    top = str(directory)
    with open("/proc/self/mountinfo", "rb") as file:  # noqa: PTH123
        fields = [line.split(b" ", 5)[4] for line in file]
    points = [
        _ESCAPE.sub(lambda match: bytes([int(match[1], 8)]), field).decode(
            "utf-8", "surrogateescape"
        )
        for field in fields
    ]
    return [point for point in points if point == top or point.startswith(f"{top}/")]


def unmount_below(directory: Path) -> None:
    """Take down every mount at and below `directory`; success means that none is left.

    Raises:
        OSError: the kernel refused one.
    """
    while points := mounts_below(directory):
        for point in reversed(points):
            umount2(point, MNT_DETACH)


def mount_volume(name: str, source: MountSource, target: str) -> None:
    """Mount what a volume's options ask for.

    Raises:
        Unavailable: the kernel refused it.
    """
    options = source.options
    try:
        if options.bind:
            flags = MS_BIND | (MS_REC if options.recursive_bind else 0)
            mount(source.device, target, None, flags)
            if options.flags & MS_RDONLY:
                mount(None, target, None, MS_BIND | MS_REMOUNT | options.flags)
        else:
            mount(source.device, target, source.filesystem, options.flags, options.data or None)
    except OSError as err:
        raise Unavailable(
            f"error while mounting volume '{name}': failed to mount local volume: "
            f"mount {source.device}:{target}: {(err.strerror or str(err)).lower()}"
        ) from err
