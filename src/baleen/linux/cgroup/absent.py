"""The driver for where no control group may be made: an ordinary user without a delegated group.

Version 1 is never given to ordinary users, and version 2 only the part that a service manager has
delegated. Containers then run in the group that their daemon is in; limits are refused, as is
freezing, and nothing is counted. What ends such a container is the end of its pid namespace.

See: cgroups(7), Delegation.
"""

from __future__ import annotations

from baleen.linux.cgroup.driver import CgroupError, LimitRefused
from baleen.linux.cgroup.files import check_path
from baleen.linux.cgroup.stats import CgroupStats, CpuStats, MemoryStats

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from baleen.linux.cgroup.driver import Cgroup
    from baleen.linux.cgroup.oom import OomWatch

__all__ = ["AbsentCgroup", "AbsentDriver"]

_REASON = "no control group is delegated to this user"


class AbsentDriver:
    """Implements the CgroupDriver protocol without a file. `version` is the host's."""

    limits_swap = False

    def __init__(self, version: int) -> None:
        self.version = version
        self.controllers: frozenset[str] = frozenset()

    def create(self, path: str, resources: Mapping[str, object], pid: int = 0) -> AbsentCgroup:
        """See CgroupDriver.create. Device rules are let pass: no node can be made here either."""
        for name, values in resources.items():
            if name != "devices" and values:
                raise LimitRefused("create", f"cannot limit {name}: {_REASON}")
        return AbsentCgroup(path)

    def open(self, path: str) -> AbsentCgroup:
        """See CgroupDriver.open."""
        return AbsentCgroup(path)

    def create_ahead(self, path: str) -> None:
        """See CgroupDriver.create_ahead: there is none to rename."""

    def rename(self, group: Cgroup, path: str, resources: Mapping[str, object]) -> AbsentCgroup:
        """Raise CgroupError: nothing was made ahead."""
        raise CgroupError("rename", f"cannot rename {group.path} to {path}: {_REASON}")

    def below(self, path: str) -> list[str]:
        """None."""
        return []


class AbsentCgroup:
    """Implements the Cgroup protocol: an empty group that takes every process and changes none."""

    is_transient = False
    member_files: tuple[str, ...] = ()

    def __init__(self, path: str) -> None:
        self.path = check_path(path)

    def add(self, pid: int) -> None:
        """Leave the process where it is."""

    def join_rest(self, pid: int) -> None:
        """Leave it where it is."""

    def pids(self) -> list[int]:
        """Nothing is known of members."""
        return []

    def kill(self, timeout_s: float = 10.0) -> None:
        """Nothing: see the module."""

    def freeze(self, timeout_s: float = 5.0) -> None:
        """Raise CgroupError."""
        raise CgroupError("freeze", f"cannot freeze {self.path}: {_REASON}")

    def thaw(self) -> None:
        """Nothing was frozen."""

    def is_frozen(self) -> bool:
        """Never."""
        return False

    def update(self, resources: Mapping[str, object]) -> None:
        """See Cgroup.update."""
        for name, values in resources.items():
            if name != "devices" and values:
                raise LimitRefused("update", f"cannot limit {name}: {_REASON}")

    def stats(self) -> CgroupStats:
        """All zero."""
        return CgroupStats(version=1, cpu=CpuStats(), memory=MemoryStats())

    def oom_events(self) -> int:
        """Not known."""
        return 0

    def oom_watch(self) -> OomWatch | None:
        """There is none."""
        return None

    def remove(self, timeout_s: float = 2.0) -> None:
        """There is nothing to remove."""
