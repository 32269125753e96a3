"""What of a running container belongs to the world outside, and has to be given again.

    binds             known by their places in the container: mnt[PLACE]
    standard streams  known by what they were: pipe:[INODE], file[MOUNT:INODE]

The container's own document says which mounts are binds; the kernel says where they have come to
lie, which symbolic links of the image may have changed.

See: criu(8) --external, --inherit-fd.
"""

from __future__ import annotations

import os
import stat

from baleen.linux.fd import Fd
from baleen.linux.mount import MS_REMOUNT
from baleen.linux.path import open_in_root
from baleen.runtime.criu.mounts import mount_id, read_mounts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from baleen.runtime.criu.mounts import MountLine
    from baleen.runtime.spec import Spec

__all__ = ["NETWORK", "binds_of", "external_mount", "streams_of"]

NETWORK: Final = "extRootNetNS"
"""The name of the network namespace in an image; runc's."""

_PATH: Final = os.O_PATH | os.O_CLOEXEC
_MEMORY_DEVICES: Final = 1


def external_mount(place: str, name: str) -> str:
    """As criu takes a mount: at `place` by that name in a dump, of that name from there else."""
    return f"mnt[{place}]:{name}"


def binds_of(pid: int, spec: Spec) -> list[str]:
    """The places of all binds of the document in a running container, with what lies below."""
    lines = {line.id: line for line in read_mounts(pid)}
    outside: dict[int, str] = {}
    own = set()
    with Fd(os.open(f"/proc/{pid}/root", _PATH)) as root:
        for mount in spec.mounts:
            if mount.options.flags & MS_REMOUNT:
                continue
            number = _mount_at(root, mount.destination)
            if number not in lines:
                continue  # it was unmounted since
            if mount.type == "bind":
                outside[number] = lines[number].place
            else:
                own.add(number)
    for line in lines.values():
        if line.id not in own and _is_below(line, lines, outside):
            outside[line.id] = line.place
    return sorted(outside.values())


def _is_below(line: MountLine, lines: dict[int, MountLine], outside: dict[int, str]) -> bool:
    """Whether a mount lies on one that came from outside: with a recursive bind, so did it."""
    return line.id not in outside and line.parent in outside and line.parent in lines


def _mount_at(root: Fd, place: str) -> int:
    try:
        with open_in_root(root.fileno(), place) as found:
            return mount_id(f"/proc/self/fdinfo/{found.fileno()}")
    except OSError:
        return -1


def streams_of(pid: int) -> tuple[str, ...]:
    """What descriptors 0, 1 and 2 of a process are, for `images.write_streams`.

    A pipe, whose other end is ours; a file or /dev/null of outside; "" for anything else, which
    criu either has in the image or refuses.
    """
    inside = {line.id for line in read_mounts(pid)}
    return tuple(_stream(pid, number, inside) for number in range(3))


def _stream(pid: int, number: int, inside: set[int]) -> str:
    path = f"/proc/{pid}/fd/{number}"
    try:
        target = os.readlink(path)
        found = os.stat(path)
        mount = mount_id(f"/proc/{pid}/fdinfo/{number}")
    except FileNotFoundError:
        return ""  # closed
    if target.startswith("pipe:["):
        return target
    plain = stat.S_ISREG(found.st_mode) or (
        stat.S_ISCHR(found.st_mode) and os.major(found.st_rdev) == _MEMORY_DEVICES
    )
    if plain and mount not in inside:
        return f"file[{mount:x}:{found.st_ino:x}]"
    return ""
