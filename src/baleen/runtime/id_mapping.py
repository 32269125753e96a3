"""Mappings of user and group ids, and user namespaces that hold them.

A namespace is needed for two things: a container that lives in it, and a mount whose files are to
show other owners (an idmapped mount). It is made by a child that does nothing else; its mapping is
written from outside, by us, who may use any id of the host. Loaded only for documents that map.

See: user_namespaces(7); OCI runtime-spec config-linux.md, User namespace mappings.
"""

from __future__ import annotations

import functools
import itertools
import operator
import os

from baleen.linux.fd import Fd
from baleen.linux.namespaces import CLONE_NEWUSER, unshare
from baleen.linux.record import record
from baleen.runtime.failure import LaunchError, reason
from baleen.runtime.hardening import become_root
from baleen.runtime.process_spec import refuse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    from baleen.runtime.fields import Fields

__all__ = [
    "IdMapping",
    "IdMappings",
    "new_owned_namespaces",
    "new_user_namespace",
    "parse_id_mappings",
]

_MOST_IDS: Final = 2**32 - 1
# The kernel's UID_GID_MAP_MAX_EXTENTS.
_MOST_LINES: Final = 340


@record(frozen=True, slots=True)
class IdMapping:
    """One range of ids."""

    container_id: int
    host_id: int
    size: int


@record(frozen=True, slots=True)
class IdMappings:
    """Users and groups; neither is empty."""

    uids: tuple[IdMapping, ...]
    gids: tuple[IdMapping, ...]

    def host_uid(self, uid: int) -> int | None:
        """The user of the host that the container's `uid` is, None for nobody."""
        return _on_host(self.uids, uid)

    def host_gid(self, gid: int) -> int | None:
        """The group of the host that the container's `gid` is, None for nobody."""
        return _on_host(self.gids, gid)


def _on_host(mappings: tuple[IdMapping, ...], number: int) -> int | None:
    for mapping in mappings:
        if mapping.container_id <= number < mapping.container_id + mapping.size:
            return mapping.host_id + number - mapping.container_id
    return None


def parse_id_mappings(fields: Fields) -> IdMappings | None:
    """Read `uidMappings` and `gidMappings`, which come together or not at all (LaunchError)."""
    uids, gids = (_parse(fields, name) for name in ("uidMappings", "gidMappings"))
    if bool(uids) != bool(gids):
        raise refuse(f"{fields.where}uidMappings and gidMappings are needed together")
    return IdMappings(uids, gids) if uids else None


def _parse(fields: Fields, name: str) -> tuple[IdMapping, ...]:
    result = []
    for entry in fields.objects(name):
        mapping = IdMapping(
            entry.integer("containerID", -1, high=_MOST_IDS - 1),
            entry.integer("hostID", -1, high=_MOST_IDS - 1),
            entry.integer("size", -1, low=1, high=_MOST_IDS),
        )
        if -1 in (mapping.container_id, mapping.host_id, mapping.size):
            raise refuse(f"{entry.where.rstrip('.')}: containerID, hostID and size are needed")
        if max(mapping.container_id, mapping.host_id) + mapping.size > _MOST_IDS:
            raise refuse(f"{entry.where}size: the range goes beyond the last id")
        result.append(mapping)
    if len(result) > _MOST_LINES:
        raise refuse(f"{fields.where}{name}: the kernel takes {_MOST_LINES} ranges")
    for side in ("container_id", "host_id"):
        ranges = sorted((getattr(mapping, side), mapping.size) for mapping in result)
        for (start, size), (following, _) in itertools.pairwise(ranges):
            if start + size > following:
                raise refuse(f"{fields.where}{name}: ranges overlap at {following}")
    return tuple(result)


def new_user_namespace(mappings: IdMappings) -> Fd:
    """A new user namespace with these mappings; it lives as long as its descriptor (LaunchError).

    For a process with one thread.
    """
    return new_owned_namespaces(mappings, {})["user"]


def new_owned_namespaces(mappings: IdMappings, further: Mapping[str, int]) -> dict[str, Fd]:
    """As `new_user_namespace`, under "user", and new ones that belong to it (LaunchError).

    `further` gives the CLONE_NEW* flag for each name below /proc/PID/ns.
    """
    ready, say_ready = os.pipe2(os.O_CLOEXEC)
    wait, let_go = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(let_go)
            unshare(CLONE_NEWUSER)
            os.write(say_ready, b"1")
            if further and os.read(wait, 1):
                become_root()  # who will own what the namespaces show as files
                unshare(functools.reduce(operator.or_, further.values()))
                os.write(say_ready, b"2")
            os.read(wait, 1)
            status = 0
        finally:
            os._exit(status)
    made: dict[str, Fd] = {}
    try:
        os.close(say_ready)
        os.close(wait)
        _wait_for(ready)
        for name, ranges in (("uid_map", mappings.uids), ("gid_map", mappings.gids)):
            _write_map(f"/proc/{pid}/{name}", ranges)
        if further:
            os.write(let_go, b"1")
            _wait_for(ready)
        for name in ("user", *further):
            made[name] = Fd(os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC))
    except BaseException:
        for fd in made.values():
            fd.close()
        raise
    finally:
        os.close(ready)
        os.close(let_go)
        os.waitpid(pid, 0)
    return made


def _wait_for(ready: int) -> None:
    if not os.read(ready, 1):
        message = "cannot make a user namespace: the kernel refuses, perhaps by a limit"
        raise LaunchError("user namespace", 0, message, 128, hint="see user.max_user_namespaces")


def _write_map(path: str, ranges: tuple[IdMapping, ...]) -> None:
    text = "".join(f"{r.container_id} {r.host_id} {r.size}\n" for r in ranges)
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    except OSError as error:
        what = os.path.basename(path)
        shown = "; ".join(text.splitlines()[:5])
        message = f"the kernel refuses the {what} {shown!r}: {reason(error)}"
        raise LaunchError("user namespace", error.errno or 0, message, 128) from error
    finally:
        os.close(fd)
