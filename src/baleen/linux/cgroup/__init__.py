"""Control groups: limits, accounting and the certain killing of a container's processes.

Terms, as in cgroups(7): a *hierarchy* is a mounted tree of groups; a *controller* (cpu, memory,
pids...) is attached to exactly one hierarchy; on v1 there are many hierarchies, on v2 ("unified")
one. A *group* here is the same path in all of them. *Resources* are the `linux.resources` of the
OCI runtime-spec, a mapping from JSON.

`detect()` finds the layout once and returns the driver; `driver.py` holds the contract. The
package knows nothing of containers: names and limits are the caller's. How a group is named says
who makes it: "/a/b" is made by ourselves, "slice:prefix:name" by systemd (`systemd.py`).
"""

from __future__ import annotations

from baleen.linux.cgroup.detect import detect
from baleen.linux.cgroup.driver import Cgroup, CgroupDriver, CgroupError, LimitRefused
from baleen.linux.cgroup.oom import OomWatch
from baleen.linux.cgroup.stats import CgroupStats, CpuStats, IoEntry, MemoryStats

__all__ = [
    "Cgroup",
    "CgroupDriver",
    "CgroupError",
    "CgroupStats",
    "CpuStats",
    "IoEntry",
    "LimitRefused",
    "MemoryStats",
    "OomWatch",
    "detect",
]
