"""What the kernel says of a container's first process, read so that no other can take its place.

`/proc/PID` is opened once; all further reads go through that descriptor, which belongs to this
one process and fails (ESRCH) when it is gone, however often its number is used again. Whether it
is the container's is decided by its control group, which holds the container's id. Only files that
the kernel writes are read, none of which the process can make a link or endless; sizes are limited
all the same.

See: proc(5), proc_pid_status(5), namespaces(7).
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from baleen.engine.explaining.mountinfo import MountLine, parse_mountinfo
from baleen.engine.explaining.why_namespaces import NAMESPACES
from baleen.errors import Conflict
from baleen.linux.fd import Fd
from baleen.linux.user_namespace import in_first_user_namespace

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LiveProcess", "namespace_ids", "open_process", "read_process"]

_MAX_BYTES: Final = 1 << 20  # some ten thousand mounts
_DIRECTORY: Final = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveProcess:
    """One reading.

    Attributes:
        status: the lines of /proc/PID/status by name.
        more_mounts: whether there are more than were read.
        cgroups: (controllers, path) of each hierarchy; "" for the unified one.
        namespaces: type to "net:[4026532281]"; "" where the kernel has none of the type.
        host_namespaces: the same of the daemon, which is what "host" means.
        limits: name to (soft, hard), as in /proc/PID/limits.
        parent_name: of the process that started it, the shim with its supervisor.
        uid_map, gid_map: "inside outside count", one for each range.
    """

    pid: int
    status: Mapping[str, str]
    mounts: list[MountLine] = field(default_factory=list)
    more_mounts: bool = False
    cgroups: list[tuple[str, str]] = field(default_factory=list)
    namespaces: Mapping[str, str] = field(default_factory=dict)
    host_namespaces: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    oom_score_adj: int = 0
    oom_score: int = 0
    lsm: str = ""
    parent_name: str = ""
    uid_map: tuple[str, ...] = ()
    gid_map: tuple[str, ...] = ()

    def number(self, name: str) -> int:
        """Return a decimal line of status, 0 when this kernel has no such line."""
        text = self.status.get(name, "").strip()
        return int(text) if text.isascii() and text.isdigit() else 0

    def numbers(self, name: str) -> list[int]:
        """Return the decimal numbers of a line of status."""
        return [int(text) for text in self.status.get(name, "").split() if text.isdigit()]

    def mask(self, name: str) -> int:
        """Return a hexadecimal line of status (CapEff, …)."""
        try:
            return int(self.status.get(name, "0"), 16)
        except ValueError:
            return 0


def open_process(pid: int, container_id: str) -> Fd:
    """Return a descriptor of /proc/PID, of a process in the control group of this container.

    Raises:
        Conflict: it has ended, or the number is another process' by now.
    """
    gone = f"container {container_id} is not running"
    try:
        directory = Fd(os.open(f"/proc/{pid}", _DIRECTORY))
    except OSError as err:
        raise Conflict(gone) from err
    try:
        # Without root there may be no group; then its root file system has the container's name.
        known = _read(directory, "cgroup" if in_first_user_namespace() else "mountinfo")
    except OSError as err:
        directory.close()
        raise Conflict(gone) from err
    if container_id not in known:
        directory.close()
        raise Conflict(gone)
    return directory


def read_process(directory: Fd, pid: int) -> LiveProcess:
    """Read everything about the process of an open /proc/PID; takes about a millisecond.

    Raises:
        OSError: it has ended meanwhile (ESRCH, ENOENT).
    """
    status = _pairs(_read(directory, "status"))
    mountinfo = _read(directory, "mountinfo")
    return LiveProcess(
        pid=pid,
        status=status,
        mounts=parse_mountinfo(mountinfo),
        more_mounts=len(mountinfo.encode()) >= _MAX_BYTES,
        cgroups=_cgroups(_read(directory, "cgroup")),
        namespaces=namespace_ids(directory),
        host_namespaces=_own_namespaces(),
        limits=_limits(_read(directory, "limits")),
        oom_score_adj=_number(_read(directory, "oom_score_adj")),
        oom_score=_number(_read(directory, "oom_score")),
        lsm=_label(directory),
        parent_name=_name_of(status.get("PPid", "")),
        uid_map=_ranges(_read(directory, "uid_map")),
        gid_map=_ranges(_read(directory, "gid_map")),
    )


def namespace_ids(directory: Fd) -> dict[str, str]:
    """Return "net:[…]" by type, "" for types that the kernel does not have.

    Raises:
        OSError: the process has ended.
    """
    result = {}
    for kind, why in NAMESPACES.items():
        try:
            result[kind] = os.readlink(f"ns/{why.file}", dir_fd=directory.fileno())
        except FileNotFoundError:
            result[kind] = ""
    return result


def _own_namespaces() -> dict[str, str]:
    # Of this thread: another of ours may be on a short visit to a network namespace.
    with Fd(os.open("/proc/thread-self", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as own:
        return namespace_ids(own)


def _read(directory: Fd, name: str) -> str:
    """Return a file of procfs; what is beyond the limit is left out."""
    descriptor = os.open(name, _FILE, dir_fd=directory.fileno())
    with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123  # a descriptor
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return ""
        parts = []
        left = _MAX_BYTES
        while left > 0 and (data := file.read(min(left, 1 << 16))):
            parts.append(data)
            left -= len(data)
    return b"".join(parts).decode("utf-8", "replace")


def _pairs(text: str) -> dict[str, str]:
    result: dict[str, str] = {}
    for line in text.split("\n"):
        name, colon, value = line.partition(":")
        if colon:
            result.setdefault(name, value.strip())
    return result


def _cgroups(text: str) -> list[tuple[str, str]]:
    result = []
    for line in text.split("\n"):
        _, colon, rest = line.partition(":")
        controllers, other, path = rest.partition(":")
        if colon and other:
            result.append((controllers, path))
    return result


def _limits(text: str) -> dict[str, tuple[str, str]]:
    """Return the columns, which have fixed widths: a name of up to 25 characters, two of 20."""
    lines = [line for line in text.split("\n") if line][1:]
    return {line[:26].strip(): (line[26:47].strip(), line[47:68].strip()) for line in lines}


def _ranges(text: str) -> tuple[str, ...]:
    return tuple(" ".join(line.split()) for line in text.split("\n") if line.strip())


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return 0


def _label(directory: Fd) -> str:
    try:
        label = _read(directory, "attr/current")
    except OSError:  # no security module
        return ""
    label = label.strip("\0\n ")
    return "" if label == "unconfined" else label


def _name_of(pid: str) -> str:
    """Return the kernel's name of the shim, "" when it is gone."""
    if not (pid.isascii() and pid.isdigit()):
        return ""
    try:
        with Fd(os.open(f"/proc/{pid}", _DIRECTORY)) as directory:
            return _read(directory, "comm").strip()
    except OSError:
        return ""
