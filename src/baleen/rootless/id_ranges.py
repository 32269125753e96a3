"""Which ids an ordinary user may fill a user namespace with, and filling it.

Root of the namespace is the user; ids from 1 on are the subordinate ones that the administrator
has granted in /etc/subuid and /etc/subgid, all ranges one behind the other. Only the setuid
programs newuidmap and newgidmap may write such a map.

See: subuid(5), newuidmap(1), user_namespaces(7).
"""

from __future__ import annotations

import os
import pwd
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from baleen.errors import FailedPrecondition, InvalidArgument

if TYPE_CHECKING:
    from baleen.linux.user_namespace import IdRange

__all__ = ["IdMaps", "granted_ranges", "id_maps", "maps_of_user", "write_maps"]

_ONE_ID = (
    "only one user and group exist in this engine: all files of images belong to root, and "
    "containers run as root only"
)
_FEWEST = 65536
"""An image may use ids up to 65535, nobody's among them."""


@dataclass(frozen=True, slots=True)
class IdMaps:
    """The maps of users and groups; `warnings` are for the user."""

    users: tuple[IdRange, ...]
    groups: tuple[IdRange, ...]
    warnings: tuple[str, ...] = ()

    @property
    def is_single(self) -> bool:
        """Whether there is no id but the user's own, so that no program is needed to write it."""
        return self.users[0][2] == 1 and len(self.users) == 1


def granted_ranges(text: str, name: str, uid: int) -> list[tuple[int, int]]:
    """Return (first, count) of the lines of /etc/subuid for the user, by name or number.

    Lines that are malformed are skipped, as newuidmap does.
    """
    ranges = []
    for line in text.splitlines():
        owner, _, rest = line.strip().partition(":")
        first, _, count = rest.partition(":")
        if owner not in (name, str(uid)) or not (_is_number(first) and _is_number(count)):
            continue
        if int(count) > 0 and int(first) + int(count) < 2**32:
            ranges.append((int(first), int(count)))
    return ranges


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10


def _map(own: int, ranges: list[tuple[int, int]]) -> tuple[IdRange, ...]:
    result: list[IdRange] = [(0, own, 1)]
    following = 1
    for first, count in ranges:
        result.append((following, first, count))
        following += count
    return tuple(result)


def id_maps(
    name: str, uid: int, gid: int, *, subuid: str, subgid: str, single: bool = False
) -> IdMaps:
    """Return the maps for a user from the texts of the two files.

    Raises:
        FailedPrecondition: nothing is granted, and `single` was not asked for.
    """
    if single:
        return IdMaps(
            _map(uid, []),
            _map(gid, []),
            (_ONE_ID,),
        )
    users, groups = granted_ranges(subuid, name, uid), granted_ranges(subgid, name, uid)
    for file, ranges, option in (
        ("/etc/subuid", users, "--add-subuids"),
        ("/etc/subgid", groups, "--add-subgids"),
    ):
        if not ranges:
            raise FailedPrecondition(
                f"{file} grants no ids to user {name} ({uid})",
                hint=f"as root: usermod {option} 100000-165535 {name} (a range that nobody has); "
                "or go without, with --rootless-single-id",
            )
    warnings = [
        f"{file} grants {total} ids: images that use ids above that cannot be unpacked"
        for file, total in (
            ("/etc/subuid", sum(count for _, count in users)),
            ("/etc/subgid", sum(count for _, count in groups)),
        )
        if total < _FEWEST - 1
    ]
    return IdMaps(_map(uid, users), _map(gid, groups), tuple(warnings))


def maps_of_user(*, single: bool) -> IdMaps:
    """Return the maps for the user that we are. Raises FailedPrecondition."""
    uid, gid = os.geteuid(), os.getegid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    maps = id_maps(
        name, uid, gid, subuid=_read("/etc/subuid"), subgid=_read("/etc/subgid"), single=single
    )
    if not single:
        for program in ("newuidmap", "newgidmap"):
            if shutil.which(program) is None:
                raise FailedPrecondition(
                    f"{program} is not installed",
                    hint="install the package uidmap (or shadow-utils); "
                    "or go without, with --rootless-single-id",
                )
    return maps


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123  # lean
            return file.read(1 << 20)
    except OSError:
        return ""


def write_maps(pid: int, maps: IdMaps) -> None:
    """Fill the user namespace that the process `pid`, ours, has just made.

    Raises:
        FailedPrecondition: the kernel or newuidmap refuses; with its words.
    """
    if maps.is_single:
        # Without a say of the administrator no group may be dropped either.
        _write(f"/proc/{pid}/setgroups", "deny")
        _write(f"/proc/{pid}/uid_map", "{} {} {}".format(*maps.users[0]))
        _write(f"/proc/{pid}/gid_map", "{} {} {}".format(*maps.groups[0]))
        return
    for program, ranges in (("newuidmap", maps.users), ("newgidmap", maps.groups)):
        numbers = [str(number) for line in ranges for number in line]
        _run([program, str(pid), *numbers])


def _write(path: str, text: str) -> None:
    try:
        with open(path, "w", encoding="ascii") as file:  # noqa: PTH123  # procfs
            file.write(text)
    except OSError as err:
        raise FailedPrecondition(f"cannot write {path}: {err.strerror}") from err


def _run(command: list[str]) -> None:
    path = shutil.which(command[0])
    if path is None:
        raise InvalidArgument(f"{command[0]} is not installed")
    reading, writing = os.pipe()
    with open(reading, "rb") as output:  # noqa: PTH123  # a descriptor
        try:
            pid = os.posix_spawn(
                path,
                command,
                os.environ,
                file_actions=[(os.POSIX_SPAWN_DUP2, writing, 2)],
            )
        finally:
            os.close(writing)
        said = output.read(4096).decode("utf-8", "replace").strip()
    _, status = os.waitpid(pid, 0)
    if status:
        raise FailedPrecondition(
            f"{' '.join(command)} failed: {said or f'status {os.waitstatus_to_exitcode(status)}'}",
            hint=f"are the ids granted in /etc/subuid and /etc/subgid, and is {path} setuid root?",
        )
