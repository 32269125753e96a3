"""Counters of a control group in one shape for both cgroup versions."""

from __future__ import annotations

from baleen.linux.record import field, record

__all__ = ["CgroupStats", "CpuStats", "IoEntry", "MemoryStats"]


@record(frozen=True, slots=True)
class CpuStats:
    """Time used, in nanoseconds.

    Attributes:
        usage_ns: total time of the tree.
        user_ns: part in user mode.
        system_ns: part in the kernel.
        per_cpu_ns: total by CPU number; empty on v2.
        periods: enforcement periods with runnable threads.
        throttled_periods: periods in which the quota ran out.
        throttled_ns: time that threads were held back.
    """

    usage_ns: int = 0
    user_ns: int = 0
    system_ns: int = 0
    per_cpu_ns: tuple[int, ...] = ()
    periods: int = 0
    throttled_periods: int = 0
    throttled_ns: int = 0


@record(frozen=True, slots=True)
class MemoryStats:
    """Memory in bytes.

    Attributes:
        usage: charged now, page cache included.
        max_usage: the highest usage seen (0 where the kernel does not record it).
        limit: None when unlimited.
        failcnt: how often the limit was hit (v1 failcnt; v2 `max` events).
        oom_kills: processes killed by the kernel.
        detail: all of memory.stat by its own names.
    """

    usage: int = 0
    max_usage: int = 0
    limit: int | None = None
    failcnt: int = 0
    oom_kills: int = 0
    detail: dict[str, int] = field(default_factory=dict)


@record(frozen=True, slots=True)
class IoEntry:
    """One counter of a block device. `op` is "Read", "Write", "Sync", "Async", "Discard"..."""

    major: int
    minor: int
    op: str
    value: int


@record(frozen=True, slots=True)
class CgroupStats:
    """One reading of all counters.

    Attributes:
        version: 1 or 2; the names in `memory.detail` differ.
        cpu: processor time.
        memory: memory.
        pids_current: tasks (threads) in the tree.
        pids_limit: None when unlimited.
        io_service_bytes: bytes by device and operation.
        io_serviced: requests by device and operation.
    """

    version: int
    cpu: CpuStats
    memory: MemoryStats
    pids_current: int = 0
    pids_limit: int | None = None
    io_service_bytes: tuple[IoEntry, ...] = ()
    io_serviced: tuple[IoEntry, ...] = ()
