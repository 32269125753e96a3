"""What a control group can limit, in which file of the kernel, and which devices it lets open.

See: cgroups(7); the kernel's admin-guide/cgroup-v1/*.rst and cgroup-v2.rst; getrlimit(2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["DEVICES", "DEVICE_DEFAULT", "DEVICE_MKNOD", "LIMITS", "RLIMITS", "WhyLimit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyLimit:
    """One limit.

    Attributes:
        name: as it is shown.
        controller: of version 1; version 2 has them all in one directory.
        v1, v2: files of the limit in each version; "" where it does not exist.
        v1_usage, v2_usage: files of the use.
        unit: "bytes", "count", "quota" (time per period), "text" or "time".
        why: what it is for, with the option that sets it.
    """

    name: str
    controller: str
    v1: str = ""
    v2: str = ""
    v1_usage: str = ""
    v2_usage: str = ""
    unit: str = "count"
    why: str = ""


LIMITS: Final[tuple[WhyLimit, ...]] = (
    WhyLimit(
        name="memory",
        controller="memory",
        v1="memory.limit_in_bytes",
        v2="memory.max",
        v1_usage="memory.usage_in_bytes",
        v2_usage="memory.current",
        unit="bytes",
        why="Page cache included. Beyond it the kernel reclaims, then kills a process of the "
        "container (--memory).",
    ),
    WhyLimit(
        name="memory + swap",
        controller="memory",
        v1="memory.memsw.limit_in_bytes",
        v1_usage="memory.memsw.usage_in_bytes",
        unit="bytes",
        why="Memory and swap together (--memory-swap).",
    ),
    WhyLimit(
        name="swap",
        controller="memory",
        v2="memory.swap.max",
        v2_usage="memory.swap.current",
        unit="bytes",
        why="Swap alone: --memory-swap less --memory.",
    ),
    WhyLimit(
        name="memory reserved",
        controller="memory",
        v1="memory.soft_limit_in_bytes",
        v2="memory.low",
        unit="bytes",
        why="When the host is short of memory, the container is brought down to this, not "
        "further (--memory-reservation).",
    ),
    WhyLimit(
        name="processes",
        controller="pids",
        v1="pids.max",
        v2="pids.max",
        v1_usage="pids.current",
        v2_usage="pids.current",
        why="Processes and threads: stops fork bombs (--pids-limit).",
    ),
    WhyLimit(
        name="CPU time",
        controller="cpu",
        v1="cpu.cfs_quota_us",
        v2="cpu.max",
        unit="quota",
        why="How many CPUs' worth of time in each period (--cpus, --cpu-quota).",
    ),
    WhyLimit(
        name="CPU time used",
        controller="cpuacct",
        v1_usage="cpuacct.usage",
        v2_usage="cpu.stat",
        unit="time",
        why="All processes of the container since its start.",
    ),
    WhyLimit(
        name="CPU weight",
        controller="cpu",
        v1="cpu.shares",
        v2="cpu.weight",
        why="The share when CPUs are short, against the groups beside it (--cpu-shares).",
    ),
    WhyLimit(
        name="CPUs",
        controller="cpuset",
        v1="cpuset.cpus",
        v2="cpuset.cpus.effective",
        unit="text",
        why="Which CPUs it may run on (--cpuset-cpus).",
    ),
    WhyLimit(
        name="memory nodes",
        controller="cpuset",
        v1="cpuset.mems",
        v2="cpuset.mems.effective",
        unit="text",
        why="Which NUMA nodes its memory comes from (--cpuset-mems).",
    ),
)

# Device numbers that containers have by default. See: the kernel's admin-guide/devices.txt.
DEVICES: Final[dict[str, str]] = {
    "c 1:3": "/dev/null",
    "c 1:5": "/dev/zero",
    "c 1:7": "/dev/full",
    "c 1:8": "/dev/random",
    "c 1:9": "/dev/urandom",
    "c 5:0": "/dev/tty, the terminal of the process",
    "c 5:1": "/dev/console",
    "c 5:2": "/dev/ptmx, makes pseudo terminals",
    "c 136:*": "/dev/pts/*, pseudo terminals",
    "c 10:200": "/dev/net/tun",
    "c 10:229": "/dev/fuse",
}
DEVICE_DEFAULT: Final = (
    "What no later rule names: a disk of the host cannot be opened, even by a node that the "
    "container makes for it."
)
DEVICE_MKNOD: Final = "Nodes may be made (CAP_MKNOD); opening them needs a rule of their own."

# Lines of /proc/PID/limits to what they limit. See: getrlimit(2).
RLIMITS: Final[dict[str, tuple[str, str]]] = {
    "Max cpu time": ("cpu", "seconds of CPU time of one process, then SIGXCPU"),
    "Max file size": ("fsize", "bytes of one file that is written"),
    "Max data size": ("data", "bytes of heap and data"),
    "Max stack size": ("stack", "bytes of the main thread's stack"),
    "Max core file size": ("core", "bytes of a core dump; 0 is none"),
    "Max resident set": ("rss", "without effect since Linux 2.4.30"),
    "Max processes": (
        "nproc",
        "processes of this user id, of all containers together; not for root",
    ),
    "Max open files": ("nofile", "file descriptors of one process"),
    "Max locked memory": ("memlock", "bytes that cannot be swapped out"),
    "Max address space": ("as", "bytes of virtual memory"),
    "Max file locks": ("locks", "without effect since Linux 2.4.25"),
    "Max pending signals": ("sigpending", "queued signals of this user id"),
    "Max msgqueue size": ("msgqueue", "bytes of POSIX message queues of this user id"),
    "Max nice priority": ("nice", "the nice value can be lowered to 20 less this"),
    "Max realtime priority": ("rtprio", "highest real-time priority"),
    "Max realtime timeout": ("rttime", "microseconds of real-time CPU use without a blocking call"),
}
