"""The JSON of `docker stats`: one reading of a container's counters beside the one before.

Blocking: it reads small kernel files (well under a millisecond). Nothing is kept between readings
but the `Sample` that the caller passes back. Fields that Docker leaves out when they are zero or
unknown are left out here too.

See: Engine API v1.41 /containers/{id}/stats; proc_stat(5); the kernel's net/core/net-procfs.c.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from baleen.containers.times import now_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from baleen.linux.cgroup import CgroupStats, IoEntry

__all__ = [
    "NEVER",
    "Sample",
    "SystemTime",
    "empty_stats",
    "machine_memory",
    "network_counters",
    "parse_net_dev",
    "parse_system_time",
    "stats_document",
    "system_time",
]

NEVER = "0001-01-01T00:00:00Z"
_UNLIMITED = 2**64 - 1

# Columns of /proc/net/dev, receive then transmit.
_COLUMNS = {
    "rx_bytes": 0,
    "rx_packets": 1,
    "rx_errors": 2,
    "rx_dropped": 3,
    "tx_bytes": 8,
    "tx_packets": 9,
    "tx_errors": 10,
    "tx_dropped": 11,
}


@dataclass(frozen=True, slots=True)
class SystemTime:
    """The host's processor time since boot, summed over CPUs, and how many CPUs are online."""

    total_ns: int
    online_cpus: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading.

    Attributes:
        read_at: RFC 3339 with nanoseconds.
        cgroup: the container's counters.
        system: the host's time, read right after them.
        networks: counters by interface; empty without a network of its own.
    """

    read_at: str
    cgroup: CgroupStats
    system: SystemTime
    networks: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @classmethod
    def take(cls, cgroup: CgroupStats, networks: Mapping[str, Mapping[str, int]]) -> Sample:
        """Completes counters that were read just now with the host's time and the clock."""
        return cls(now_text(), cgroup, system_time(), networks)


def parse_system_time(text: str, ticks_per_second: int) -> SystemTime:
    """Reads /proc/stat: user, nice, system, idle, iowait, irq and softirq count as time."""
    total_ticks = online = 0
    for line in text.splitlines():
        if not line.startswith("cpu"):
            break
        fields = line.split()
        if fields[0] == "cpu":
            # Guest time is part of user time; steal is nobody's.
            total_ticks = sum(int(field) for field in fields[1:8])
        else:
            online += 1
    return SystemTime(total_ticks * (1_000_000_000 // ticks_per_second), online)


def system_time() -> SystemTime:
    """The host's time now."""
    return parse_system_time(Path("/proc/stat").read_text(), os.sysconf("SC_CLK_TCK"))


def parse_net_dev(text: str) -> dict[str, dict[str, int]]:
    """Reads /proc/PID/net/dev: counters by interface as the API names them, loopback left out."""
    result: dict[str, dict[str, int]] = {}
    for line in text.splitlines()[2:]:
        name, colon, counters = line.partition(":")
        name = name.strip()
        fields = counters.split()
        if colon and name != "lo" and len(fields) >= 16:
            result[name] = {key: int(fields[column]) for key, column in _COLUMNS.items()}
    return result


def network_counters(pid: int) -> dict[str, dict[str, int]]:
    """Counters of the network namespace of a process; {} if the process is gone."""
    try:
        return parse_net_dev(Path(f"/proc/{pid}/net/dev").read_text())
    except OSError:
        return {}


def machine_memory() -> int:
    """The host's memory in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def stats_document(
    container_id: str, name: str, sample: Sample, previous: Sample | None
) -> dict[str, object]:
    """Builds the answer; `name` is with its slash.

    Without a `previous` sample the "pre" members are zero, as in Docker's first answer.
    """
    document: dict[str, object] = {
        "read": sample.read_at,
        "preread": NEVER if previous is None else previous.read_at,
        "pids_stats": _pids(sample.cgroup),
        "blkio_stats": _blkio(sample.cgroup),
        "num_procs": 0,
        "storage_stats": {},
        "cpu_stats": _cpu(sample),
        "precpu_stats": _no_cpu() if previous is None else _cpu(previous),
        "memory_stats": _memory(sample.cgroup, machine_memory()),
        "name": name,
        "id": container_id,
    }
    if sample.networks:
        document["networks"] = sample.networks
    return document


def empty_stats(container_id: str, name: str) -> dict[str, object]:
    """The answer for a container that does not run."""
    return {
        "read": NEVER,
        "preread": NEVER,
        "pids_stats": {},
        "blkio_stats": dict.fromkeys(_BLKIO_KEYS),
        "num_procs": 0,
        "storage_stats": {},
        "cpu_stats": _no_cpu(),
        "precpu_stats": _no_cpu(),
        "memory_stats": {},
        "name": name,
        "id": container_id,
    }


def _pids(stats: CgroupStats) -> dict[str, int]:
    result = {}
    if stats.pids_current:
        result["current"] = stats.pids_current
    if stats.pids_limit is not None:
        result["limit"] = stats.pids_limit
    elif stats.version == 2:
        result["limit"] = _UNLIMITED
    return result


_BLKIO_KEYS = (
    "io_service_bytes_recursive",
    "io_serviced_recursive",
    "io_queue_recursive",
    "io_service_time_recursive",
    "io_wait_time_recursive",
    "io_merged_recursive",
    "io_time_recursive",
    "sectors_recursive",
)


def _entries(entries: Sequence[IoEntry]) -> list[dict[str, object]]:
    return [
        {"major": entry.major, "minor": entry.minor, "op": entry.op, "value": entry.value}
        for entry in entries
    ]


def _blkio(stats: CgroupStats) -> dict[str, object]:
    if stats.version == 2:
        known = [entry for entry in stats.io_service_bytes if entry.op in ("read", "write")]
        result: dict[str, object] = dict.fromkeys(_BLKIO_KEYS)
        result["io_service_bytes_recursive"] = _entries(known)
        return result
    result = {key: [] for key in _BLKIO_KEYS}
    result["io_service_bytes_recursive"] = _entries(stats.io_service_bytes)
    result["io_serviced_recursive"] = _entries(stats.io_serviced)
    return result


def _cpu(sample: Sample) -> dict[str, object]:
    cpu = sample.cgroup.cpu
    usage: dict[str, object] = {"total_usage": cpu.usage_ns}
    if cpu.per_cpu_ns:
        usage["percpu_usage"] = list(cpu.per_cpu_ns)
    usage["usage_in_kernelmode"] = cpu.system_ns
    usage["usage_in_usermode"] = cpu.user_ns
    return {
        "cpu_usage": usage,
        "system_cpu_usage": sample.system.total_ns,
        "online_cpus": sample.system.online_cpus,
        "throttling_data": {
            "periods": cpu.periods,
            "throttled_periods": cpu.throttled_periods,
            "throttled_time": cpu.throttled_ns,
        },
    }


def _no_cpu() -> dict[str, object]:
    return {
        "cpu_usage": {"total_usage": 0, "usage_in_kernelmode": 0, "usage_in_usermode": 0},
        "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0},
    }


def _memory(stats: CgroupStats, machine: int) -> dict[str, object]:
    memory = stats.memory
    limit = machine if memory.limit is None else min(memory.limit, machine)
    result: dict[str, object] = {"usage": memory.usage}
    if stats.version == 1:
        result["max_usage"] = memory.max_usage
        if memory.failcnt:
            result["failcnt"] = memory.failcnt
    result["stats"] = memory.detail
    result["limit"] = limit
    return result
