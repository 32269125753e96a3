"""How the kernel schedules a thread: policy, I/O priority.

See: sched_setattr(2), sched(7), ioprio_set(2); include/uapi/linux/sched.h and ioprio.h.
"""

from __future__ import annotations

import ctypes

from baleen.linux.calls import failure, syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["IOPRIO_CLASSES", "SCHED_FLAGS", "SCHED_POLICIES", "ioprio_set", "sched_setattr"]

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
_IOPRIO_WHO_PROCESS: Final = 1


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


def sched_setattr(
    policy: int,
    *,
    flags: int = 0,
    nice: int = 0,
    priority: int = 0,
    runtime_ns: int = 0,
    deadline_ns: int = 0,
    period_ns: int = 0,
) -> None:
    """Set the scheduling policy of the calling thread and all that belongs to it."""
    attributes = _SchedAttr(
        ctypes.sizeof(_SchedAttr),
        policy,
        flags,
        nice,
        priority,
        runtime_ns,
        deadline_ns,
        period_ns,
    )
    if _sched_setattr(0, attributes, 0) < 0:
        raise failure("sched_setattr")


def ioprio_set(io_class: int, level: int) -> None:
    """Set the I/O class (1 to 3) and level (0 to 7) of the calling thread."""
    if _ioprio_set(_IOPRIO_WHO_PROCESS, 0, io_class << _IOPRIO_CLASS_SHIFT | level) < 0:
        raise failure("ioprio_set")
