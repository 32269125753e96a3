"""The contract of the cgroup drivers: what a caller may do with a control group.

Life cycle of a group::

    driver.create("/baleen/<id>", resources)    directory exists in every hierarchy, limits are set
        cgroup.add(pid)                         before the process runs code of the container
        cgroup.update / freeze / thaw / stats / oom_watch
        cgroup.kill()                           nothing of the tree is alive afterwards
        cgroup.remove()                         directories are gone (idempotent)

A `Cgroup` holds a path and no descriptor, so it can cross a fork and be made again by
`driver.open(path)` in another process. Nothing here may be called from inside a container's mount
namespace: the paths are the host's.

See: cgroups(7), the kernel's admin-guide/cgroup-v1 and cgroup-v2.rst.
"""

from __future__ import annotations

from baleen.errors import BaleenError, InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from baleen.linux.cgroup.oom import OomWatch
    from baleen.linux.cgroup.stats import CgroupStats
else:
    Protocol = object

__all__ = ["Cgroup", "CgroupDriver", "CgroupError", "LimitRefused"]


class CgroupError(BaleenError):
    """The kernel refused an operation on a control group.

    Attributes:
        stage: the operation or file, for instance "create", "memory.limit_in_bytes".
        errno: the kernel's errno, or 0 when we refused before asking.
    """

    def __init__(self, stage: str, message: str, *, errno: int = 0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.stage = stage
        self.errno = errno


class LimitRefused(CgroupError, InvalidArgument):
    """A limit cannot be applied: malformed, out of range, or its controller is missing here."""


class Cgroup(Protocol):
    """One control group in all hierarchies that the driver manages."""

    @property
    def path(self) -> str:
        """The absolute path below the hierarchy's root, for instance "/baleen/<id>"."""

    @property
    def member_files(self) -> tuple[str, ...]:
        """The files to which a process writes "0" to move itself into the group."""

    def add(self, pid: int) -> None:
        """Moves a process, with all its threads, into the group.

        `pid` 0 is the caller. Raises CgroupError; a partly moved process is to be killed.
        """

    def join_rest(self, pid: int) -> None:
        """Moves a process of a renamed group into what could not be renamed; it may have ended."""

    def pids(self) -> list[int]:
        """Returns the processes of the group and of the groups below it, in no order."""

    def kill(self, timeout_s: float = 10.0) -> None:
        """Sends SIGKILL to the whole tree until it is empty of live processes.

        Success means that only zombies are left, which wait for their parents. Frozen groups are
        killed too. A missing group is an empty group. Raises CgroupError when a process survives
        `timeout_s` (stuck in the kernel).
        """

    def freeze(self, timeout_s: float = 5.0) -> None:
        """Stops all processes; returns when all are stopped, else thaws and raises CgroupError."""

    def thaw(self) -> None:
        """Lets the processes of a frozen group run again; success when none is frozen."""

    def is_frozen(self) -> bool:
        """Whether `freeze` was asked for this very group and not undone; False if it is gone."""

    def update(self, resources: Mapping[str, object]) -> None:
        """Applies the OCI `linux.resources` that are present; absent ones stay as they are.

        Raises LimitRefused; limits written before the refused one stay.
        """

    def stats(self) -> CgroupStats:
        """Reads the counters; absent controllers give zeros. CgroupError if the group is gone."""

    def oom_events(self) -> int:
        """How many processes of the tree the kernel has killed for lack of memory so far.

        0 if the group or the memory controller is missing.
        """

    def oom_watch(self) -> OomWatch | None:
        """A descriptor that reports out-of-memory events, owned by the caller; None if none."""

    def remove(self, timeout_s: float = 2.0) -> None:
        """Removes the directories, those below included. Success means *is gone*.

        Waits up to `timeout_s` for dying processes to leave, then raises CgroupError (EBUSY).
        """


class CgroupDriver(Protocol):
    """Control groups of one layout (v1 hierarchies, or the unified one)."""

    @property
    def version(self) -> int:
        """1 or 2."""

    @property
    def controllers(self) -> frozenset[str]:
        """Controllers that limits can use here ("cpu", "memory", "devices", "freezer"...)."""

    @property
    def limits_swap(self) -> bool:
        """Whether swap can be limited beside memory."""

    def create(self, path: str, resources: Mapping[str, object]) -> Cgroup:
        """Makes the group and its missing parents, and applies the OCI `linux.resources`.

        Parents are left in place later. On error nothing of the group itself is left. Raises
        LimitRefused for limits, CgroupError when the kernel refuses or the path contains "..",
        or the group exists already and holds processes.
        """

    def open(self, path: str) -> Cgroup:
        """Returns the group at `path` without looking whether it exists."""

    def create_ahead(self, path: str) -> Cgroup | None:
        """Makes a group without limits that `rename` can take; None where that cannot be had."""

    def rename(self, group: Cgroup, path: str, resources: Mapping[str, object]) -> Cgroup:
        """Gives such a group, with its processes, another name below the same parent, and limits.

        Where there is a hierarchy that cannot rename, its group is new and empty: `join_rest` is to
        follow. On error the group has its old name. Raises as `create`.
        """

    def below(self, path: str) -> list[str]:
        """Returns the paths of the groups right below that one; none if it is missing."""
