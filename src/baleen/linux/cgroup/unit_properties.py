"""The OCI `linux.resources` as properties of a systemd unit.

systemd writes the files of its units' groups whenever it sees fit (`daemon-reload`, another
setting of the unit): what it does not know of it sets to its own default. So it is told every
limit that it has a property for; our driver then writes the same, exactly, and what is left.

It is not told of devices: a unit without device rules of its own has no filter of systemd's, which
then leaves ours alone.

See: systemd.resource-control(5), org.freedesktop.systemd1(5); OCI runtime-spec config-linux.md.
"""

from __future__ import annotations

from baleen.linux.cgroup.cpuset import parse_cpuset
from baleen.linux.cgroup.driver import LimitRefused
from baleen.linux.cgroup.resources import UINT64_MAX, cpuset_of, device_lines, section
from baleen.linux.cgroup.v2_limits import io_weight_of, swap_of, weight_of
from baleen.linux.dbus import Variant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    from baleen.linux.cgroup.resources import Section
    from baleen.linux.systemd import Property

__all__ = ["NEEDS_VERSION", "limit_properties"]

INFINITY: Final = UINT64_MAX
_DEFAULT_PERIOD_US: Final = 100_000
# A unit's file has whole percents of a CPU.
_PERCENT_US: Final = 10_000

# Properties that not each systemd has that can manage cgroup v2, and its first version with them.
NEEDS_VERSION: Final = {
    "AllowedCPUs": 244,
    "AllowedMemoryNodes": 244,
    "CPUQuotaPeriodUSec": 242,
}


def limit_properties(
    resources: Mapping[str, object], cpu_max: tuple[int, int] = (-1, _DEFAULT_PERIOD_US)
) -> list[Property]:
    """The properties for what is present in `resources`.

    `cpu_max` is the quota (-1: none) and the period, in microseconds, that are in force: an update
    may change one of the two. Raises LimitRefused for malformed values.
    """
    result = [*_memory(section(resources, "memory"))]
    result += _cpu(section(resources, "cpu"), cpu_max)
    if (limit := section(resources, "pids").integer("limit")) is not None:
        result.append(_number("TasksMax", limit if limit > 0 else INFINITY))
    result += _block_io(section(resources, "blockIO"))
    return result + _unified(resources.get("unified"))


def _number(name: str, value: int) -> Property:
    return name, Variant("t", value)


def _amount(name: str, value: int) -> Property:
    return _number(name, INFINITY if value < 0 else value)


def _memory(memory: Section) -> list[Property]:
    result = []
    limit = memory.integer("limit") or 0
    if limit:
        result.append(_amount("MemoryMax", limit))
    if reservation := memory.integer("reservation"):
        result.append(_amount("MemoryLow", reservation))
    swap = swap_of(memory.integer("swap") or 0, limit)
    if swap is not None:
        result.append(_amount("MemorySwapMax", swap))
    return result


def _cpu(cpu: Section, cpu_max: tuple[int, int]) -> list[Property]:
    result = []
    if shares := cpu.integer("shares", 0, UINT64_MAX):
        result.append(_number("CPUWeight", weight_of(shares)))
    quota = cpu.integer("quota") or 0
    period = cpu.integer("period", 0, UINT64_MAX) or 0
    if quota or period:
        result += _quota(quota or cpu_max[0], period or cpu_max[1])
    for key, name in (("cpus", "AllowedCPUs"), ("mems", "AllowedMemoryNodes")):
        if text := cpuset_of(cpu, key):
            result.append((name, Variant("ay", _bits(parse_cpuset(text)))))
    return result


def _quota(quota: int, period: int) -> list[Property]:
    per_second = INFINITY
    if quota > 0 and period > 0:
        # Upwards: a reload may leave a little more than was asked for, never less.
        percents = -(-quota * 1_000_000 // (period * _PERCENT_US))
        per_second = percents * _PERCENT_US
    return [_number("CPUQuotaPeriodUSec", period), _number("CPUQuotaPerSecUSec", per_second)]


def _bits(numbers: frozenset[int]) -> bytes:
    """Bit n of byte m is the number 8 m + n."""
    bits = 0
    for number in numbers:
        bits |= 1 << number
    return bits.to_bytes(bits.bit_length() + 7 >> 3, "little")


_THROTTLES: Final = (
    ("throttleReadBpsDevice", "IOReadBandwidthMax"),
    ("throttleWriteBpsDevice", "IOWriteBandwidthMax"),
    ("throttleReadIOPSDevice", "IOReadIOPSMax"),
    ("throttleWriteIOPSDevice", "IOWriteIOPSMax"),
)


def _block_io(block_io: Section) -> list[Property]:
    result = []
    if weight := block_io.integer("weight", 0, 1000):
        result.append(_number("IOWeight", io_weight_of(max(weight, 10))))
    for device, value in device_lines(block_io, "weightDevice", "weight"):
        if value:
            result.append(_per_device("IODeviceWeight", device, io_weight_of(max(value, 10))))
    for key, name in _THROTTLES:
        for device, rate in device_lines(block_io, key, "rate"):
            result.append(_per_device(name, device, rate or INFINITY))
    return result


def _per_device(name: str, device: str, value: int) -> Property:
    return name, Variant("a(st)", [(f"/dev/block/{device}", value)])


_UNIFIED: Final = {
    "cpu.weight": "CPUWeight",
    "memory.min": "MemoryMin",
    "memory.low": "MemoryLow",
    "memory.high": "MemoryHigh",
    "memory.max": "MemoryMax",
    "memory.swap.max": "MemorySwapMax",
    "pids.max": "TasksMax",
}


def _unified(values: object) -> list[Property]:
    """What has a property; what is malformed is refused when it is written to its file."""
    result: list[Property] = []
    if not isinstance(values, dict):
        return result
    for file, text in values.items():
        if not isinstance(text, str):
            continue
        words = text.split()
        if file in _UNIFIED and len(words) == 1 and (words[0] == "max" or _is_number(words[0])):
            value = INFINITY if words[0] == "max" else int(words[0])
            result.append(_number(_UNIFIED[file], value))
        elif file == "cpu.max" and words and (words[0] == "max" or _is_number(words[0])):
            period = int(words[1]) if len(words) > 1 and _is_number(words[1]) else 0
            quota = -1 if words[0] == "max" else int(words[0])
            result += _quota(quota, period or _DEFAULT_PERIOD_US)
        elif file in ("cpuset.cpus", "cpuset.mems"):
            name = "AllowedCPUs" if file == "cpuset.cpus" else "AllowedMemoryNodes"
            try:
                result.append((name, Variant("ay", _bits(parse_cpuset(text.strip())))))
            except ValueError as error:
                raise LimitRefused(file, f"{file}: {error}") from error
    return result


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20
