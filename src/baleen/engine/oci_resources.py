"""The limits of a container in the words of the OCI document.

See: OCI runtime-spec config-linux.md, Control groups; `docker run`, Runtime constraints.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from baleen.api import Resources, ThrottleDevice, WeightDevice

__all__ = ["RLIMIT_NAMES", "resources", "rlimits"]

Document = dict[str, object]

RLIMIT_NAMES: Final = (
    "as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile",
    "nproc", "rss", "rtprio", "rttime", "sigpending", "stack",
)  # fmt: skip
_PERIOD_US: Final = 100_000
_INFINITY: Final = 2**64 - 1


def resources(limits: Resources) -> Document:
    """Return `linux.resources` but for the devices. Swap defaults to as much as memory again.

    Raises:
        InvalidArgument: a throttled device that is not there.
    """
    result: Document = {}
    for name, section in (
        ("memory", _memory(limits)),
        ("cpu", _cpu(limits)),
        ("blockIO", _block_io(limits)),
    ):
        if section:
            result[name] = section
    if limits.pids_limit:
        # -1 and 0 are Docker's words for no limit; the document says -1.
        result["pids"] = {"limit": max(limits.pids_limit, -1)}
    return result


def _memory(limits: Resources) -> Document:
    memory: Document = {}
    if limits.memory:
        memory["limit"] = limits.memory
        # Memory and swap together: twice the memory, unless the client says (-1: no limit).
        memory["swap"] = limits.memory_swap or 2 * limits.memory
    elif limits.memory_swap == -1:
        memory["swap"] = -1
    if limits.memory_reservation:
        memory["reservation"] = limits.memory_reservation
    if limits.memory_swappiness is not None and limits.memory_swappiness >= 0:
        memory["swappiness"] = limits.memory_swappiness
    if limits.oom_kill_disable:
        memory["disableOOMKiller"] = True
    return memory


def _cpu(limits: Resources) -> Document:
    cpu: Document = {}
    if limits.nano_cpus:
        cpu["period"] = _PERIOD_US
        cpu["quota"] = limits.nano_cpus * _PERIOD_US // 1_000_000_000
    if limits.cpu_shares:
        cpu["shares"] = limits.cpu_shares
    if limits.cpu_period:
        cpu["period"] = limits.cpu_period
    if limits.cpu_quota:
        cpu["quota"] = limits.cpu_quota
    if limits.cpu_realtime_period:
        cpu["realtimePeriod"] = limits.cpu_realtime_period
    if limits.cpu_realtime_runtime:
        cpu["realtimeRuntime"] = limits.cpu_realtime_runtime
    if limits.cpuset_cpus:
        cpu["cpus"] = limits.cpuset_cpus
    if limits.cpuset_mems:
        cpu["mems"] = limits.cpuset_mems
    return cpu


def _block_io(limits: Resources) -> Document:
    block: Document = {}
    if limits.blkio_weight:
        block["weight"] = limits.blkio_weight
    if limits.blkio_weight_device:
        block["weightDevice"] = [
            _device(entry, "weight", entry.weight) for entry in limits.blkio_weight_device
        ]
    throttles: Iterable[tuple[str, Sequence[ThrottleDevice]]] = (
        ("throttleReadBpsDevice", limits.blkio_device_read_bps),
        ("throttleWriteBpsDevice", limits.blkio_device_write_bps),
        ("throttleReadIOPSDevice", limits.blkio_device_read_iops),
        ("throttleWriteIOPSDevice", limits.blkio_device_write_iops),
    )
    for name, entries in throttles:
        if entries:
            block[name] = [_device(entry, "rate", entry.rate) for entry in entries]
    return block


def _device(entry: ThrottleDevice | WeightDevice, key: str, value: int) -> Document:
    try:
        number = os.stat(entry.path).st_rdev  # noqa: PTH116
    except (OSError, ValueError) as err:
        raise InvalidArgument(f"cannot limit device {entry.path[:256]!r}: {err}") from err
    return {"major": os.major(number), "minor": os.minor(number), key: value}


def rlimits(limits: Resources, defaults: Mapping[str, tuple[int, int]]) -> list[Document]:
    """Return the OCI `rlimits`: the daemon's defaults, replaced by the client's; -1 is no limit."""
    chosen = dict(defaults) | {ulimit.name: (ulimit.soft, ulimit.hard) for ulimit in limits.ulimits}
    return [
        {
            "type": f"RLIMIT_{name.upper()}",
            "soft": _INFINITY if soft < 0 else soft,
            "hard": _INFINITY if hard < 0 else hard,
        }
        for name, (soft, hard) in chosen.items()
    ]
