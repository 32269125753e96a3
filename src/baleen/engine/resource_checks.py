"""Checks of limits before anything is made: ranges, contradictions, what this host has.

The work is bounded by the host, never by what a request claims.

See: `docker run`, Runtime constraints on resources; texts as dockerd's.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from baleen.engine.device_requests import check_device_requests
from baleen.engine.oci_resources import RLIMIT_NAMES
from baleen.errors import InvalidArgument
from baleen.linux.cgroup.cpuset import parse_cpuset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baleen.api import Resources, Ulimit

__all__ = ["HostResources", "check_resources", "host_resources"]

_MIN_MEMORY: Final = 6 * 1024 * 1024
_NANO: Final = 1_000_000_000
_MAX_DEVICES: Final = 4096
# PID_MAX_LIMIT of 64-bit kernels; what pids.max takes. See: proc_sys_kernel(5), pid_max.
_MAX_PIDS: Final = 1 << 22


class HostResources:
    """What the host has: processors and memory nodes that are online, by number."""

    def __init__(self, cpus: frozenset[int], memory_nodes: frozenset[int]) -> None:
        self.cpus = cpus
        self.memory_nodes = memory_nodes


@cache
def host_resources() -> HostResources:
    """Read the online processors and memory nodes from sysfs, once."""
    return HostResources(
        _online("/sys/devices/system/cpu/online"), _online("/sys/devices/system/node/online")
    )


def _online(path: str) -> frozenset[int]:
    try:
        with open(path, encoding="ascii") as file:  # noqa: PTH123
            return parse_cpuset(file.read(4096).strip())
    except OSError:
        return frozenset({0})


def check_resources(limits: Resources, host: HostResources) -> list[str]:
    """Return warnings for the client.

    Raises:
        InvalidArgument: the first limit that is out of range or contradicts another.
    """
    warnings: list[str] = []
    _check_memory(limits, warnings)
    _check_cpu(limits, host)
    _check_cpuset("cpus", limits.cpuset_cpus, host.cpus)
    _check_cpuset("mems", limits.cpuset_mems, host.memory_nodes)
    _check_block_io(limits)
    _check_ulimits(limits.ulimits)
    if (limits.pids_limit or 0) > _MAX_PIDS:
        raise InvalidArgument(
            f"pids limit {limits.pids_limit} is more than the kernel's maximum of {_MAX_PIDS}"
        )
    check_device_requests(limits.device_requests)
    return warnings


def _check_memory(limits: Resources, warnings: list[str]) -> None:
    memory, swap, reservation = limits.memory, limits.memory_swap, limits.memory_reservation
    if memory and memory < _MIN_MEMORY:
        raise InvalidArgument("Minimum memory limit allowed is 6MB")
    if swap < -1:
        raise InvalidArgument(f"invalid memory swap limit {swap}: want -1, 0 or more")
    if memory and 0 < swap < memory:
        raise InvalidArgument(
            "Minimum memoryswap limit should be larger than memory limit, see usage"
        )
    if not memory and swap > 0:
        raise InvalidArgument(
            "You should always set the Memory limit when using Memoryswap limit, see usage"
        )
    swappiness = limits.memory_swappiness
    if swappiness is not None and not -1 <= swappiness <= 100:
        raise InvalidArgument(
            f"Invalid value: {swappiness}, valid memory swappiness range is 0-100"
        )
    if reservation and reservation < _MIN_MEMORY:
        raise InvalidArgument("Minimum memory reservation allowed is 6MB")
    if memory and reservation > memory:
        raise InvalidArgument(
            "Minimum memory limit can not be less than memory reservation limit, see usage"
        )
    if limits.oom_kill_disable and not memory:
        warnings.append(
            "OOM killer is disabled for the container, but no memory limit is set, this can "
            "result in the system running out of resources."
        )
    if limits.kernel_memory:
        warnings.append("Kernel memory limits are deprecated and have no effect.")


def _check_cpu(limits: Resources, host: HostResources) -> None:
    count = len(host.cpus)
    if limits.nano_cpus:
        if limits.cpu_period:
            raise InvalidArgument(
                "Conflicting options: Nano CPUs and CPU Period cannot both be set"
            )
        if limits.cpu_quota:
            raise InvalidArgument("Conflicting options: Nano CPUs and CPU Quota cannot both be set")
        # The kernel's smallest quota, 1 ms of 100, is a hundredth of a processor.
        if not _NANO // 100 <= limits.nano_cpus <= count * _NANO:
            raise InvalidArgument(
                f"Range of CPUs is from 0.01 to {count}.00, "
                f"as there are only {count} CPUs available"
            )
    if limits.cpu_shares < 0:
        raise InvalidArgument(
            f"invalid CPU shares ({limits.cpu_shares}): value must be a positive integer"
        )
    if limits.cpu_period and not 1000 <= limits.cpu_period <= 1_000_000:
        raise InvalidArgument(
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"
        )
    if limits.cpu_quota < -1 or 0 < limits.cpu_quota < 1000:
        raise InvalidArgument("CPU cfs quota can not be less than 1ms (i.e. 1000)")
    if limits.cpu_realtime_period < 0 or limits.cpu_realtime_runtime < 0:
        raise InvalidArgument("CPU real-time period and runtime cannot be negative")
    if limits.cpu_realtime_period and limits.cpu_realtime_runtime > limits.cpu_realtime_period:
        raise InvalidArgument("cpu real-time runtime cannot be higher than cpu real-time period")


def _check_cpuset(kind: str, text: str, available: frozenset[int]) -> None:
    try:
        wanted = parse_cpuset(text)
    except ValueError as err:
        raise InvalidArgument(f"Invalid value {text[:64]} for cpuset {kind}") from err
    if not wanted <= available:
        name = "CPUs" if kind == "cpus" else "memory nodes"
        ranges = ",".join(str(number) for number in sorted(available)[:64])
        raise InvalidArgument(
            f"Requested {name} are not available - requested {text[:64]}, available: {ranges}"
        )


def _check_block_io(limits: Resources) -> None:
    weights = [limits.blkio_weight, *(entry.weight for entry in limits.blkio_weight_device)]
    if any(weight and not 10 <= weight <= 1000 for weight in weights):
        raise InvalidArgument("Range of blkio weight is from 10 to 1000")
    lists: Sequence[Sequence[object]] = (
        limits.blkio_weight_device,
        limits.blkio_device_read_bps,
        limits.blkio_device_write_bps,
        limits.blkio_device_read_iops,
        limits.blkio_device_write_iops,
    )
    if any(len(entries) > _MAX_DEVICES for entries in lists):
        raise InvalidArgument(f"too many block devices: more than {_MAX_DEVICES}")


def _check_ulimits(ulimits: Sequence[Ulimit]) -> None:
    if len(ulimits) > 64:
        raise InvalidArgument("too many ulimits: more than 64")
    for ulimit in ulimits:
        if ulimit.name not in RLIMIT_NAMES:
            raise InvalidArgument(f"invalid ulimit type: {ulimit.name[:64]}")
        soft, hard = ulimit.soft, ulimit.hard
        if soft < -1 or hard < -1:
            raise InvalidArgument(f"invalid ulimit {ulimit.name}: want -1, 0 or more")
        if hard != -1 and (soft == -1 or soft > hard):
            raise InvalidArgument(
                f"ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}"
            )
