"""Resource use of a container, as /containers/{id}/stats streams it.

Field names are lower case with underscores on this endpoint, so nothing is renamed.

See: Engine API v1.55, ContainerStatsResponse.
"""

from __future__ import annotations

from msgspec import field

from baleen.api.wire import Int, UInt, Wire

__all__ = [
    "ContainerBlkioStatEntry",
    "ContainerBlkioStats",
    "ContainerCPUStats",
    "ContainerCPUUsage",
    "ContainerMemoryStats",
    "ContainerNetworkStats",
    "ContainerPidsStats",
    "ContainerStatsResponse",
    "ContainerStorageStats",
    "ContainerThrottlingData",
]


class ContainerBlkioStatEntry(Wire, frozen=True, rename=None):
    """One counter of one block device."""

    major: UInt = 0
    minor: UInt = 0
    op: str = ""
    value: UInt = 0


class ContainerBlkioStats(Wire, frozen=True, rename=None):
    """Block I/O counters; most exist only on cgroup v1."""

    io_service_bytes_recursive: list[ContainerBlkioStatEntry] = field(default_factory=list)
    io_serviced_recursive: list[ContainerBlkioStatEntry] = field(default_factory=list)
    io_queue_recursive: list[ContainerBlkioStatEntry] = field(default_factory=list)
    io_service_time_recursive: list[ContainerBlkioStatEntry] = field(default_factory=list)
    io_wait_time_recursive: list[ContainerBlkioStatEntry] = field(default_factory=list)
    io_merged_recursive: list[ContainerBlkioStatEntry] = field(default_factory=list)
    io_time_recursive: list[ContainerBlkioStatEntry] = field(default_factory=list)
    sectors_recursive: list[ContainerBlkioStatEntry] = field(default_factory=list)

    null_empty = frozenset(
        {
            "io_service_bytes_recursive",
            "io_serviced_recursive",
            "io_queue_recursive",
            "io_service_time_recursive",
            "io_wait_time_recursive",
            "io_merged_recursive",
            "io_time_recursive",
            "sectors_recursive",
        }
    )


class ContainerCPUUsage(Wire, frozen=True, rename=None):
    """CPU time in nanoseconds."""

    total_usage: UInt = 0
    percpu_usage: list[UInt] = field(default_factory=list)
    usage_in_kernelmode: UInt = 0
    usage_in_usermode: UInt = 0

    omit_empty = frozenset({"percpu_usage"})


class ContainerThrottlingData(Wire, frozen=True, rename=None):
    """How often and how long (nanoseconds) the CPU quota held the container back."""

    periods: UInt = 0
    throttled_periods: UInt = 0
    throttled_time: UInt = 0


class ContainerCPUStats(Wire, frozen=True, rename=None):
    """CPU use of the container and, for the ratio, of the whole host (nanoseconds)."""

    cpu_usage: ContainerCPUUsage = ContainerCPUUsage()
    system_cpu_usage: UInt = 0
    online_cpus: UInt = 0
    throttling_data: ContainerThrottlingData = ContainerThrottlingData()

    omit_empty = frozenset({"system_cpu_usage", "online_cpus"})


class ContainerMemoryStats(Wire, frozen=True, rename=None):
    """Memory in bytes; `stats` are the kernel's own counters by name."""

    usage: UInt = 0
    max_usage: UInt = 0
    stats: dict[str, UInt] = field(default_factory=dict)
    failcnt: UInt = 0
    limit: UInt = 0

    omit_empty = frozenset({"usage", "max_usage", "stats", "failcnt", "limit"})


class ContainerPidsStats(Wire, frozen=True, rename=None):
    """Number of tasks and its limit (0: none)."""

    current: UInt = 0
    limit: UInt = 0

    omit_empty = frozenset({"current", "limit"})


class ContainerNetworkStats(Wire, frozen=True, rename=None):
    """Counters of one interface, seen from the container."""

    rx_bytes: UInt = 0
    rx_packets: UInt = 0
    rx_errors: UInt = 0
    rx_dropped: UInt = 0
    tx_bytes: UInt = 0
    tx_packets: UInt = 0
    tx_errors: UInt = 0
    tx_dropped: UInt = 0


class ContainerStorageStats(Wire, frozen=True, rename=None):
    """Windows only; always empty here."""

    read_count_normalized: Int = 0

    omit_empty = frozenset({"read_count_normalized"})


class ContainerStatsResponse(Wire, frozen=True, rename=None):
    """One sample; times are RFC 3339, `precpu_stats` is the sample before."""

    read: str = "0001-01-01T00:00:00Z"
    preread: str = "0001-01-01T00:00:00Z"
    pids_stats: ContainerPidsStats = ContainerPidsStats()
    blkio_stats: ContainerBlkioStats = ContainerBlkioStats()
    num_procs: UInt = 0
    storage_stats: ContainerStorageStats = ContainerStorageStats()
    cpu_stats: ContainerCPUStats = ContainerCPUStats()
    precpu_stats: ContainerCPUStats = ContainerCPUStats()
    memory_stats: ContainerMemoryStats = ContainerMemoryStats()
    name: str = ""
    id: str = ""
    os_type: str = "linux"
    networks: dict[str, ContainerNetworkStats] = field(default_factory=dict)

    omit_empty = frozenset({"networks"})
