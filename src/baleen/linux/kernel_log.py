"""What the kernel's log says of processes that were killed for lack of memory.

The group that counts such kills may be gone when somebody asks; the log is kept longer.

See: syslog(2), SYSLOG_ACTION_READ_ALL; the kernel's mm/oom_kill.c, dump_oom_summary.
"""

from __future__ import annotations

import ctypes
import re

from baleen.linux.calls import function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["count_memory_kills", "memory_kills"]

_READ_ALL: Final = 3
_TAIL_BYTES: Final = 1 << 17
# The log's clock and CLOCK_MONOTONIC are not the same, but near.
_TOLERANCE_S: Final = 0.5
_klogctl = function("klogctl", ctypes.c_int, ctypes.c_void_p, ctypes.c_int)


def memory_kills(group: str, since_s: float) -> int:
    """How many kills for the memory limit of the group at `group` the end of the log tells of.

    `since_s` is a time of CLOCK_MONOTONIC. 0 also where the log may not be read. The kernel does
    not write down more than ten in five seconds.
    """
    buffer = ctypes.create_string_buffer(_TAIL_BYTES)
    count = _klogctl(_READ_ALL, buffer, _TAIL_BYTES)
    return count_memory_kills(buffer.raw[: max(count, 0)], group, since_s)


def count_memory_kills(text: bytes, group: str, since_s: float) -> int:
    """As `memory_kills`, in lines such as "<6>[  12.345678] oom-kill:...,oom_memcg=/a,task..."."""
    found = re.findall(
        rb"^<\d+>\[ *(\d+\.\d+)\] oom-kill:.*,oom_memcg=%b(?:/[^,]*)?," % re.escape(group.encode()),
        text,
        re.MULTILINE,
    )
    return sum(float(time) >= since_s - _TOLERANCE_S for time in found)
