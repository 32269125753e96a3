"""The mounts of a process, as the kernel lists them.

See: proc_pid_mountinfo(5).
"""

from __future__ import annotations

import os

from baleen.linux.mount import unescape
from baleen.linux.record import record
from baleen.runtime.request import read_file

__all__ = ["MountLine", "mount_id", "parse_mounts", "read_mounts"]


@record(frozen=True, slots=True)
class MountLine:
    """One line.

    Attributes:
        device: major and minor of the file system, "0:28".
        root: what of the file system is mounted.
        place: where, seen by the process.
        options: of the mount, not of the file system.
    """

    id: int
    parent: int
    device: str
    root: str
    place: str
    options: tuple[str, ...]
    kind: str


def parse_mounts(text: str) -> list[MountLine]:
    """The lines of a mountinfo file, in order. Raises ValueError."""
    result = []
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        number, parent, device, root, place, options, *_ = before.split(" ")
        kind = after.split(" ", 1)[0]
        result.append(
            MountLine(
                int(number),
                int(parent),
                device,
                unescape(root),
                unescape(place),
                tuple(options.split(",")),
                kind,
            )
        )
    return result


def read_mounts(pid: int) -> list[MountLine]:
    """The mounts of process `pid` (FileNotFoundError, ProcessLookupError: it is gone)."""
    return parse_mounts(os.fsdecode(read_file(f"/proc/{pid}/mountinfo")))


def mount_id(path: str) -> int:
    """The id in an fdinfo file: of the mount that the descriptor's file is on."""
    for line in read_file(path).splitlines():
        name, _, value = line.partition(b":")
        if name == b"mnt_id":
            return int(value)
    raise ValueError(f"{path} has no mnt_id")
