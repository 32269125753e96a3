"""The OCI `linux.resources` written to the files of v1 controllers.

See: the kernel's admin-guide/cgroup-v1; OCI runtime-spec config-linux.md.
"""

from __future__ import annotations

import errno

from baleen.linux.cgroup.devices import evaluate, parse_list, v1_changes
from baleen.linux.cgroup.driver import LimitRefused
from baleen.linux.cgroup.files import read
from baleen.linux.cgroup.resources import (
    UINT64_MAX,
    Section,
    cpuset_of,
    device_lines,
    hugepage_limits,
    rdma_lines,
    section,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from baleen.linux.cgroup.files import GroupFiles

__all__ = ["apply"]

_MEMORY = "memory.limit_in_bytes"
_SWAP = "memory.memsw.limit_in_bytes"


def apply(files: GroupFiles, resources: Mapping[str, object], *, fresh: bool) -> None:
    """Writes what is present in `resources`; `fresh` says that the group was made just now.

    Raises LimitRefused or CgroupError; the earlier writes stay.
    """
    unified = section(resources, "unified")
    if unified:
        raise LimitRefused("unified", "unified cgroup settings need cgroup v2, this host has v1")
    if memory := section(resources, "memory"):
        _memory(files, memory, fresh=fresh)
    if cpu := section(resources, "cpu"):
        _cpu(files, cpu)
    if (limit := section(resources, "pids").integer("limit")) is not None:
        files.set("pids", "pids.max", str(limit) if limit > 0 else "max")
    if block_io := section(resources, "blockIO"):
        _block_io(files, block_io)
    for size, bytes_limit in hugepage_limits(resources):
        files.set("hugetlb", f"hugetlb.{size}.limit_in_bytes", str(bytes_limit))
        if files.offers("hugetlb", f"hugetlb.{size}.rsvd.limit_in_bytes"):
            files.set("hugetlb", f"hugetlb.{size}.rsvd.limit_in_bytes", str(bytes_limit))
    _network(files, section(resources, "network"))
    for line in rdma_lines(resources):
        files.set("rdma", "rdma.max", line)
    devices = resources.get("devices")
    if devices:
        _devices(files, devices, fresh=fresh)


def _memory(files: GroupFiles, memory: Section, *, fresh: bool) -> None:
    limit = memory.integer("limit")
    swap = memory.integer("swap")
    if limit == -1 and swap is None and files.offers("memory", _SWAP):
        swap = -1  # else the old memsw limit would still hold memory itself down
    writes = [(_MEMORY, limit), (_SWAP, swap)]
    if not fresh and limit and swap:
        # memsw must never be below memory: widen memsw first, narrow memory first.
        current = files.number("memory", _MEMORY, 0)
        if swap == -1 or current < swap:
            writes.reverse()
    for file, value in writes:
        if value:
            _set_memory(files, file, value)
    if (reservation := memory.integer("reservation")) is not None and reservation != 0:
        files.set("memory", "memory.soft_limit_in_bytes", str(reservation))
    swappiness = memory.integer("swappiness", -1, 200)
    if swappiness is not None and swappiness != -1:
        if swappiness > 100:
            raise LimitRefused(
                "memory.swappiness", f"memory.swappiness {swappiness} is not between 0 and 100"
            )
        files.set("memory", "memory.swappiness", str(swappiness))
    if memory.flag("disableOOMKiller"):
        files.set("memory", "memory.oom_control", "1")
    if memory.has("useHierarchy"):
        _use_hierarchy(files, hierarchical=memory.flag("useHierarchy"))
    # The kernel itself refuses a limit below what is in use, which is all that it asks.
    memory.flag("checkBeforeUpdate")
    _kernel_memory(files, memory)


def _use_hierarchy(files: GroupFiles, *, hierarchical: bool) -> None:
    file = "memory.use_hierarchy"
    try:
        files.set("memory", file, str(int(hierarchical)))
    except LimitRefused as error:
        # Since Linux 5.11 there is no other way.
        if hierarchical or error.errno != errno.EINVAL:
            raise
        message = "memory.useHierarchy cannot be false: this kernel always counts hierarchically"
        raise LimitRefused(file, message, errno=errno.EINVAL) from error


_KERNEL_MEMORY = (
    ("kernel", "memory.kmem.limit_in_bytes"),
    ("kernelTCP", "memory.kmem.tcp.limit_in_bytes"),
)


def _kernel_memory(files: GroupFiles, memory: Section) -> None:
    for key, file in _KERNEL_MEMORY:
        limit = memory.integer(key)
        if limit is None or limit <= 0:
            continue
        files.set("memory", file, str(limit))
        # From Linux 5.16 on the first is taken and means nothing.
        if files.number("memory", file, 0) > limit:
            raise LimitRefused(file, f"cannot set {file}: this kernel does not offer it any more")


def _set_memory(files: GroupFiles, file: str, value: int) -> None:
    try:
        files.set("memory", file, str(value))
    except LimitRefused as error:
        if error.errno == errno.EBUSY:
            usage = files.number("memory", "memory.usage_in_bytes", 0)
            raise LimitRefused(
                file,
                f"cannot set {file} to {value}: {usage} bytes are in use and cannot be reclaimed",
                errno=errno.EBUSY,
            ) from error
        raise


def _cpu(files: GroupFiles, cpu: Section) -> None:
    if shares := cpu.integer("shares", 0, UINT64_MAX):
        files.set("cpu", "cpu.shares", str(shares))
    if (idle := cpu.integer("idle", 0, 1)) is not None:
        files.set("cpu", "cpu.idle", str(idle))
    period = cpu.integer("period", 0, UINT64_MAX)
    quota = cpu.integer("quota")
    _period_and_quota(files, period or None, quota or None)
    if burst := cpu.integer("burst", 0, UINT64_MAX):
        files.set("cpu", "cpu.cfs_burst_us", str(burst))
    # The period first: a runtime above the period is refused.
    if realtime_period := cpu.integer("realtimePeriod", 0, UINT64_MAX):
        files.set("cpu", "cpu.rt_period_us", str(realtime_period))
    if realtime_runtime := cpu.integer("realtimeRuntime"):
        files.set("cpu", "cpu.rt_runtime_us", str(realtime_runtime))
    for key in ("cpus", "mems"):
        if text := cpuset_of(cpu, key):
            files.set("cpuset", f"cpuset.{key}", text)


def _period_and_quota(files: GroupFiles, period: int | None, quota: int | None) -> None:
    """Sets both although the kernel judges each write with the other's old value."""
    again = False
    if period is not None:
        try:
            files.set("cpu", "cpu.cfs_period_us", str(period))
        except LimitRefused as error:
            # old quota / new period may exceed the parent's share: the new quota goes first.
            if error.errno != errno.EINVAL or quota is None:
                raise
            again = True
    if quota is not None:
        files.set("cpu", "cpu.cfs_quota_us", str(quota))
    if again:
        files.set("cpu", "cpu.cfs_period_us", str(period))


_THROTTLES = (
    ("throttleReadBpsDevice", "blkio.throttle.read_bps_device"),
    ("throttleWriteBpsDevice", "blkio.throttle.write_bps_device"),
    ("throttleReadIOPSDevice", "blkio.throttle.read_iops_device"),
    ("throttleWriteIOPSDevice", "blkio.throttle.write_iops_device"),
)


def _block_io(files: GroupFiles, block_io: Section) -> None:
    _leaf_weights(files, block_io)
    weight = block_io.integer("weight", 0, 1000)
    devices = device_lines(block_io, "weightDevice", "weight")
    if weight or devices:
        bfq = "" if files.offers("blkio", "blkio.weight") else "bfq."
        if weight:
            files.set("blkio", f"blkio.{bfq}weight", str(weight))
        for device, value in devices:
            files.set("blkio", f"blkio.{bfq}weight_device", f"{device} {value}")
    for key, file in _THROTTLES:
        for device, rate in device_lines(block_io, key, "rate"):
            files.set("blkio", file, f"{device} {rate}")


def _leaf_weights(files: GroupFiles, block_io: Section) -> None:
    """These went with the CFQ scheduler (Linux 5.0): where they are missing, that is said."""
    if leaf := block_io.integer("leafWeight", 0, 1000):
        files.set("blkio", "blkio.leaf_weight", str(leaf))
    for device, value in device_lines(block_io, "weightDevice", "leafWeight"):
        if value:
            files.set("blkio", "blkio.leaf_weight_device", f"{device} {value}")


def _network(files: GroupFiles, network: Section) -> None:
    if (class_id := network.integer("classID", 0, 0xFFFFFFFF)) is not None:
        files.set("net_cls", "net_cls.classid", str(class_id))
    for entry in network.sections("priorities"):
        name = entry.text("name")
        priority = entry.integer("priority", 0, 0xFFFFFFFF)
        if not name or len(name) > 15 or not name.isprintable() or " " in name or priority is None:
            raise LimitRefused("net_prio", f"network priority of {name[:32]!r} is malformed")
        files.set("net_prio", "net_prio.ifpriomap", f"{name} {priority}")


def _devices(files: GroupFiles, rules: object, *, fresh: bool) -> None:
    if not isinstance(rules, list | tuple):
        raise LimitRefused("devices", "devices is not a list")
    wanted = evaluate(rules)
    current = None
    if not fresh:
        directory = files.directory("devices", "devices.list")
        current = parse_list(read(f"{directory}/devices.list").decode())
    for file, lines in v1_changes(current, wanted):
        if lines:
            files.set("devices", file, *lines)
