"""In which user namespace we are: the machine's own, or one whose root is somebody else outside.

In a user namespace that is not the first one, root may mount, but makes no device nodes and sets no
attribute of the kind trusted.*; so what needs those asks here and does it another way.

See: user_namespaces(7).
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = [
    "IdRange",
    "groups_are_fixed",
    "has_one_id",
    "in_first_user_namespace",
    "is_mapped",
    "last_group",
    "parse_id_map",
]

# (first id inside, first id outside, how many)
IdRange = tuple[int, int, int]

_ALL: Final = ((0, 0, 2**32 - 1),)
_known: dict[str, bool] = {}


def parse_id_map(text: str) -> tuple[IdRange, ...]:
    """The lines of /proc/PID/uid_map or gid_map."""
    lines = (line.split() for line in text.splitlines())
    return tuple((int(inside), int(outside), int(count)) for inside, outside, count in lines)


def _read(name: str) -> tuple[IdRange, ...]:
    try:
        fd = os.open(f"/proc/self/{name}", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:  # a kernel without user namespaces
        return _ALL
    try:
        return parse_id_map(os.read(fd, 65536).decode())
    finally:
        os.close(fd)


def in_first_user_namespace() -> bool:
    """Whether root here is the machine's root. Asked once for each namespace; forks inherit it."""
    key = os.readlink("/proc/self/ns/user") if os.path.exists("/proc/self/ns/user") else ""
    if key not in _known:
        _known[key] = _read("uid_map") == _ALL
    return _known[key]


def is_mapped(identity: int, *, group: bool = False) -> bool:
    """Whether the user (or group) `identity` exists in our user namespace."""
    ranges = _read("gid_map" if group else "uid_map")
    return any(first <= identity < first + count for first, _, count in ranges)


def last_group() -> int:
    """The highest group id that exists in our user namespace."""
    return max(first + count - 1 for first, _, count in _read("gid_map"))


def has_one_id() -> bool:
    """Whether root is the only user of our user namespace, so that every file must be root's."""
    ranges = _read("uid_map")
    return len(ranges) == 1 and ranges[0][2] == 1


def groups_are_fixed() -> bool:
    """Whether setgroups(2) is denied here, as it is where no program has written the map."""
    try:
        fd = os.open("/proc/self/setgroups", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return os.read(fd, 16).strip() == b"deny"
    finally:
        os.close(fd)
