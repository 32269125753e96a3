"""What was restored, looked at before it may run: no more rights than the document gives.

An image says with which capabilities, filters, namespaces and mounts its processes are made, and
criu does so. So everything that is in the container's control group is compared with the document,
while it is still stopped; what does not stand the test is killed.

What cannot be seen from outside is not looked at: that a seccomp filter is there is, which calls it
refuses is not. An image from somebody who is not trusted is not to be restored at all.

See: proc_pid_status(5), namespaces(7).
"""

from __future__ import annotations

import os

from baleen.errors import PermissionDenied
from baleen.linux.mount import MS_RDONLY, MS_REMOUNT
from baleen.linux.record import record
from baleen.runtime.criu.mounts import read_mounts
from baleen.runtime.request import read_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from typing import Final

    from baleen.linux.cgroup.driver import Cgroup
    from baleen.runtime.criu.mounts import MountLine
    from baleen.runtime.spec import Spec

__all__ = ["Bound", "check_mounts", "check_status", "prove"]

_CAPABILITIES: Final = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
_FILTERED: Final = "2"
_NAMESPACES: Final = {
    "pid": "pid",
    "network": "net",
    "ipc": "ipc",
    "uts": "uts",
    "mount": "mnt",
    "cgroup": "cgroup",
}
_KERNELS: Final = ("proc", "sysfs")


@record(frozen=True, slots=True)
class Bound:
    """What the document allows.

    Attributes:
        capabilities: the bounding set.
        filtered: a seccomp filter has to be there.
        network: inode of the network namespace that was given, 0 for none.
        group: inode of the cgroup namespace that was given, 0 for none.
        devices: of the file systems that binds and the root are from, "0:28".
    """

    capabilities: int
    no_new_privileges: bool
    filtered: bool
    network: int
    group: int
    devices: frozenset[str]


def prove(spec: Spec, bound: Bound, cgroup: Cgroup, pid: int, criu: int) -> None:
    """Look at all processes of `cgroup` but criu's own; `pid` is the PID 1 that was restored.

    Raises PermissionDenied naming what is too much.
    """
    own = _family(criu)
    found = [number for number in cgroup.pids() if number not in own]
    if pid not in found:
        raise PermissionDenied("the restored process is not in the container's control group")
    for number in found:
        check_status(_status(number), bound)
        _check_namespaces(spec, bound, number)
    check_mounts(read_mounts(pid), spec, bound)


def check_status(fields: Mapping[str, str], bound: Bound) -> None:
    """Compare a /proc/PID/status with what is allowed. Raises PermissionDenied."""
    for name in _CAPABILITIES:
        if int(fields[name], 16) & ~bound.capabilities:
            raise PermissionDenied(
                f"the checkpoint has a process with {name} {fields[name]}, more than the"
                f" container's {bound.capabilities:016x}"
            )
    if bound.no_new_privileges and fields["NoNewPrivs"] != "1":
        raise PermissionDenied("the checkpoint has a process without no_new_privs")
    if bound.filtered and fields["Seccomp"] != _FILTERED:
        raise PermissionDenied("the checkpoint has a process without a seccomp filter")


def _check_namespaces(spec: Spec, bound: Bound, pid: int) -> None:
    given = {"network": bound.network, "cgroup": bound.group}
    for kind, name in _NAMESPACES.items():
        if kind not in spec.namespaces:
            continue
        inode = os.stat(f"/proc/{pid}/ns/{name}").st_ino
        wanted = given.get(kind, 0)
        if (wanted and inode != wanted) or inode == os.stat(f"/proc/self/ns/{name}").st_ino:
            raise PermissionDenied(
                f"the checkpoint has a process outside of the container's {kind} namespace"
            )


def check_mounts(lines: Collection[MountLine], spec: Spec, bound: Bound) -> None:
    """Compare the mounts of the restored PID 1 with the document. Raises PermissionDenied."""
    kinds = {mount.type for mount in spec.mounts} | {"tmpfs"}
    kinds |= {"cgroup2"} if "cgroup" in kinds else set()
    for line in lines:
        if line.kind not in kinds and line.device not in bound.devices:
            raise PermissionDenied(
                f"the checkpoint mounts a file system of its own, {line.kind}, at {line.place}"
            )
    last = {line.place: line for line in lines}
    for place in _read_only(spec):
        if place in last and "ro" not in last[place].options:
            raise PermissionDenied(f"the checkpoint has {place} writable, which is read-only")
    for place in (*spec.readonly_paths, *spec.masked_paths):
        # It has a mount of its own, unless this kernel has no such thing.
        if place not in last and _kind_at(place, last) in _KERNELS and os.path.lexists(place):
            raise PermissionDenied(f"the checkpoint does not protect {place}")


def _read_only(spec: Spec) -> Iterable[str]:
    if spec.root_readonly:
        yield "/"
    for mount in spec.mounts:
        if mount.options.flags & MS_RDONLY and not mount.options.flags & MS_REMOUNT:
            yield mount.destination
    yield from spec.readonly_paths


def _kind_at(place: str, last: Mapping[str, MountLine]) -> str:
    """The type of the file system that `place` is on."""
    while place not in last and place != "/":
        place = os.path.dirname(place)
    return last[place].kind if place in last else ""


def _status(pid: int) -> dict[str, str]:
    text = os.fsdecode(read_file(f"/proc/{pid}/status"))
    pairs = (line.partition(":") for line in text.splitlines())
    return {name: value.strip() for name, _, value in pairs}


def _family(pid: int) -> set[int]:
    """A process and its descendants."""
    found, waiting = set(), [pid]
    while waiting:
        number = waiting.pop()
        found.add(number)
        try:
            threads = os.listdir(f"/proc/{number}/task")
            for thread in threads:
                waiting += map(int, read_file(f"/proc/{number}/task/{thread}/children").split())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found
