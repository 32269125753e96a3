"""How the kernel schedules a thread: policy, I/O priority.

See: sched_setattr(2), sched(7), ioprio_set(2); include/uapi/linux/sched.h and ioprio.h.
"""

from __future__ import annotations

import ctypes

from baleen.linux.calls import failure, syscall
from baleen.linux.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = [
    "IOPRIO_CLASSES",
    "IOPRIO_WHO_PROCESS",
    "SCHED_FLAGS",
    "SCHED_POLICIES",
    "SchedAttributes",
    "cpu_mask",
    "ioprio_set",
    "ioprio_value",
]

# SCHED_ISO has a number (4) and was never built.
SCHED_POLICIES: Final = {
    "SCHED_OTHER": 0,
    "SCHED_FIFO": 1,
    "SCHED_RR": 2,
    "SCHED_BATCH": 3,
    "SCHED_IDLE": 5,
    "SCHED_DEADLINE": 6,
}
SCHED_FLAGS: Final = {
    "SCHED_FLAG_RESET_ON_FORK": 0x01,
    "SCHED_FLAG_RECLAIM": 0x02,
    "SCHED_FLAG_DL_OVERRUN": 0x04,
    "SCHED_FLAG_KEEP_POLICY": 0x08,
    "SCHED_FLAG_KEEP_PARAMS": 0x10,
    "SCHED_FLAG_UTIL_CLAMP_MIN": 0x20,
    "SCHED_FLAG_UTIL_CLAMP_MAX": 0x40,
}
IOPRIO_CLASSES: Final = {"IOPRIO_CLASS_RT": 1, "IOPRIO_CLASS_BE": 2, "IOPRIO_CLASS_IDLE": 3}
_IOPRIO_CLASS_SHIFT: Final = 13
IOPRIO_WHO_PROCESS: Final = 1


class _SchedAttr(ctypes.Structure):
    """struct sched_attr, version 0: without the utilization clamps."""

    _fields_ = (
        ("size", ctypes.c_uint32),
        ("sched_policy", ctypes.c_uint32),
        ("sched_flags", ctypes.c_uint64),
        ("sched_nice", ctypes.c_int32),
        ("sched_priority", ctypes.c_uint32),
        ("sched_runtime", ctypes.c_uint64),
        ("sched_deadline", ctypes.c_uint64),
        ("sched_period", ctypes.c_uint64),
    )


_sched_setattr = syscall("sched_setattr", ctypes.c_int, ctypes.POINTER(_SchedAttr), ctypes.c_uint)
_ioprio_set = syscall("ioprio_set", ctypes.c_int, ctypes.c_int, ctypes.c_int)


@record(frozen=True, slots=True)
class SchedAttributes:
    """What sched_setattr(2) takes; times in nanoseconds."""

    policy: int
    flags: int = 0
    nice: int = 0
    priority: int = 0
    runtime_ns: int = 0
    deadline_ns: int = 0
    period_ns: int = 0

    def encode(self) -> bytes:
        """As struct sched_attr."""
        return bytes(self._structure())

    def _structure(self) -> _SchedAttr:
        return _SchedAttr(
            ctypes.sizeof(_SchedAttr),
            self.policy,
            self.flags,
            self.nice,
            self.priority,
            self.runtime_ns,
            self.deadline_ns,
            self.period_ns,
        )

    def apply(self, pid: int = 0) -> None:
        """Give them to a thread, 0 is the calling one."""
        if _sched_setattr(pid, self._structure(), 0) < 0:
            raise failure("sched_setattr")


def ioprio_value(io_class: int, level: int) -> int:
    """An I/O class (1 to 3) and level (0 to 7) as ioprio_set(2) takes them."""
    return io_class << _IOPRIO_CLASS_SHIFT | level


def ioprio_set(io_class: int, level: int, pid: int = 0) -> None:
    """Set the I/O class and level of a thread, 0 is the calling one."""
    if _ioprio_set(IOPRIO_WHO_PROCESS, pid, ioprio_value(io_class, level)) < 0:
        raise failure("ioprio_set")


def cpu_mask(cpus: frozenset[int]) -> bytes:
    """A set of CPUs as sched_setaffinity(2) takes it."""
    size = (max(cpus) // 64 + 1) * 8
    return sum(1 << cpu for cpu in cpus).to_bytes(size, "little")
