"""The OCI `linux.resources` written to the files of a v2 group.

Values that v1 counts otherwise are converted: CPU shares to weights, the memory+swap sum to swap
alone, block weights to the range of io.weight.

See: the kernel's admin-guide/cgroup-v2.rst; OCI runtime-spec config-linux.md.
"""

from __future__ import annotations

import errno
import math

from baleen.linux.cgroup.device_program import device_program
from baleen.linux.cgroup.devices import evaluate
from baleen.linux.cgroup.driver import CgroupError, LimitRefused
from baleen.linux.cgroup.resources import (
    UINT64_MAX,
    Section,
    cpuset_of,
    device_lines,
    hugepage_limits,
    rdma_lines,
    section,
)
from baleen.linux.ebpf import attach_device_program
from baleen.linux.user_namespace import in_first_user_namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from baleen.linux.cgroup.files import GroupFiles

__all__ = ["apply", "io_weight_of", "swap_of", "weight_of"]


def weight_of(shares: int) -> int:
    """The cpu.weight (1..10000) for v1 CPU shares (2..262144).

    A quadratic through (2, 1), (1024, 100) and (262144, 10000) in logarithms, so that the defaults
    of both meet, as runc 1.4 and crun do.
    """
    if shares <= 2:
        return 1
    if shares >= 262144:
        return 10000
    logarithm = math.log2(shares)
    exponent = (logarithm * logarithm + 125 * logarithm) / 612 - 7 / 34
    return math.ceil(10**exponent)


def io_weight_of(weight: int) -> int:
    """The io.weight (1..10000) for a v1 block weight (10..1000)."""
    return 1 + (weight - 10) * 9999 // 990


def swap_of(swap: int, limit: int) -> int | None:
    """The swap allowance (-1 unlimited, None not set) for v1's memory+swap sum.

    Raises LimitRefused when the sum is below the memory limit or there is no memory limit.
    """
    if swap == 0:
        return None
    if swap == -1:
        return -1
    if limit <= 0:
        raise LimitRefused("memory.swap.max", "a memory+swap limit needs a memory limit too")
    if swap < limit:
        raise LimitRefused(
            "memory.swap.max", f"the memory+swap limit {swap} is below the memory limit {limit}"
        )
    return swap - limit


def apply(files: GroupFiles, directory: str, resources: Mapping[str, object]) -> None:
    """Writes what is present in `resources`; raises LimitRefused or CgroupError."""
    if memory := section(resources, "memory"):
        _memory(files, memory)
    if cpu := section(resources, "cpu"):
        _cpu(files, cpu)
    if (limit := section(resources, "pids").integer("limit")) is not None:
        files.set("pids", "pids.max", str(limit) if limit > 0 else "max")
    if block_io := section(resources, "blockIO"):
        _block_io(files, block_io)
    for size, bytes_limit in hugepage_limits(resources):
        files.set("hugetlb", f"hugetlb.{size}.max", str(bytes_limit))
        if files.offers("hugetlb", f"hugetlb.{size}.rsvd.max"):
            files.set("hugetlb", f"hugetlb.{size}.rsvd.max", str(bytes_limit))
    if section(resources, "network"):
        raise LimitRefused("network", "network classes and priorities need cgroup v1")
    for line in rdma_lines(resources):
        files.set("rdma", "rdma.max", line)
    if devices := resources.get("devices"):
        _devices(directory, devices)
    _unified(files, resources)


def _amount(value: int) -> str:
    return "max" if value == -1 else str(value)


def _memory(files: GroupFiles, memory: Section) -> None:
    limit = memory.integer("limit") or 0
    swap = swap_of(memory.integer("swap") or 0, limit)
    if memory.flag("disableOOMKiller"):
        raise LimitRefused("memory.oom_control", "the OOM killer cannot be disabled on cgroup v2")
    if memory.integer("swappiness", -1, 200) not in (None, -1):
        raise LimitRefused("memory.swappiness", "swappiness per group needs cgroup v1")
    _refuse_v1_memory(memory)
    if memory.flag("checkBeforeUpdate") and limit > 0:
        used = files.number("memory", "memory.current", 0)
        if limit < used:
            raise LimitRefused(
                "memory.max", f"the memory limit {limit} is below the {used} bytes in use"
            )
    # memory.max alone would let the difference go to swap: narrow swap first.
    if swap is not None and (swap > 0 or files.offers("memory", "memory.swap.max")):
        files.set("memory", "memory.swap.max", _amount(swap))
    if limit:
        files.set("memory", "memory.max", _amount(limit))
    if reservation := memory.integer("reservation"):
        files.set("memory", "memory.low", _amount(reservation))


def _refuse_v1_memory(memory: Section) -> None:
    for key in ("kernel", "kernelTCP"):
        if (memory.integer(key) or 0) > 0:
            raise LimitRefused(f"memory.{key}", f"memory.{key} needs cgroup v1")
    if memory.has("useHierarchy") and not memory.flag("useHierarchy"):
        raise LimitRefused("memory.useHierarchy", "cgroup v2 always counts hierarchically")


def _cpu(files: GroupFiles, cpu: Section) -> None:
    if (idle := cpu.integer("idle", 0, 1)) is not None:
        files.set("cpu", "cpu.idle", str(idle))
    if (shares := cpu.integer("shares", 0, UINT64_MAX)) and not idle:
        files.set("cpu", "cpu.weight", str(weight_of(shares)))
    period = cpu.integer("period", 0, UINT64_MAX) or 0
    quota = cpu.integer("quota") or 0
    if quota or period:
        _cpu_max(files, quota, period)
    if burst := cpu.integer("burst", 0, UINT64_MAX):
        files.set("cpu", "cpu.max.burst", str(burst))
    if cpu.integer("realtimePeriod", 0, UINT64_MAX) or cpu.integer("realtimeRuntime"):
        raise LimitRefused("cpu.rt", "real-time scheduling limits need cgroup v1")
    for key in ("cpus", "mems"):
        if text := cpuset_of(cpu, key):
            files.set("cpuset", f"cpuset.{key}", text)


def _cpu_max(files: GroupFiles, quota: int, period: int) -> None:
    # One file holds both: what is not given stays as it is.
    current = files.text("cpu", "cpu.max").split() or ["max", "100000"]
    amount = current[0] if quota == 0 else str(quota) if quota > 0 else "max"
    files.set("cpu", "cpu.max", f"{amount} {period or current[1]}")


_THROTTLES = (
    ("throttleReadBpsDevice", "rbps"),
    ("throttleWriteBpsDevice", "wbps"),
    ("throttleReadIOPSDevice", "riops"),
    ("throttleWriteIOPSDevice", "wiops"),
)


def _block_io(files: GroupFiles, block_io: Section) -> None:
    leaves = [value for _, value in device_lines(block_io, "weightDevice", "leafWeight")]
    if block_io.integer("leafWeight", 0, 1000) or any(leaves):
        raise LimitRefused("blockIO.leafWeight", "weights of leaves need cgroup v1")
    weight = block_io.integer("weight", 0, 1000)
    devices = device_lines(block_io, "weightDevice", "weight")
    if weight or devices:
        # The BFQ scheduler has its own file with v1's range.
        bfq = files.offers("io", "io.bfq.weight")
        file = "io.bfq.weight" if bfq else "io.weight"
        if weight:
            files.set("io", file, str(weight if bfq else io_weight_of(weight)))
        for device, value in devices:
            files.set("io", file, f"{device} {value if bfq else io_weight_of(value)}")
    for key, name in _THROTTLES:
        for device, rate in device_lines(block_io, key, "rate"):
            # 0 lifts the limit on v1; here that word is "max".
            files.set("io", "io.max", f"{device} {name}={rate or 'max'}")


def _devices(directory: str, rules: object) -> None:
    if not isinstance(rules, list | tuple):
        raise LimitRefused("devices", "devices is not a list")
    program = device_program(evaluate(rules))
    try:
        attach_device_program(directory, program)
    except OSError as error:
        # Such programs are the machine's root's alone. In a user namespace no node can be made, and
        # those of the host give what the user may do anyway.
        if error.errno == errno.EPERM and not in_first_user_namespace():
            return
        raise CgroupError(
            "devices",
            f"cannot attach the device filter to {directory}: {error.strerror}",
            errno=error.errno or errno.EIO,
        ) from error


def _unified(files: GroupFiles, resources: Mapping[str, object]) -> None:
    values = resources.get("unified")
    if values is None:
        return
    if not isinstance(values, dict):
        raise LimitRefused("unified", "unified is not an object")
    for file, value in values.items():
        controller = file.partition(".")[0]
        if not isinstance(value, str) or "/" in file or controller == "" or "." not in file:
            raise LimitRefused("unified", f"the unified setting {file[:64]!r} is malformed")
        # cgroup.* holds no limits; writing cgroup.procs or cgroup.kill is not for a document.
        if controller == "cgroup":
            raise LimitRefused("unified", f"the unified setting {file[:64]!r} is not a limit")
        for line in value.splitlines():
            files.set(controller, file, line)
