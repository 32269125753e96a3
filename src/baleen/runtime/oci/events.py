"""`events`: a container's counters and its lack of memory, one JSON object on each line.

    {"type": "stats", "id": "c1", "data": {...}}
    {"type": "oom", "id": "c1"}

The members of `data` are those of runc's events, which containerd and others read.
"""

from __future__ import annotations

import json
import select
import time

from baleen.errors import FailedPrecondition, InvalidArgument
from baleen.runtime.oci.access import group_of, open_init
from baleen.runtime.oci.output import print_text
from baleen.runtime.oci.state import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

    from baleen.linux.cgroup.driver import Cgroup
    from baleen.linux.cgroup.stats import CgroupStats, IoEntry
    from baleen.linux.fd import Fd
    from baleen.runtime.oci.commands import Invocation

__all__ = ["execute", "parse_duration", "stats_of"]

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_UNLIMITED: Final = (1 << 64) - 1


def parse_duration(text: str) -> float:
    """The seconds, above 0, that "500ms", "1.5s" or "1m30s" mean. Raises InvalidArgument."""
    total, rest = 0.0, text
    while rest:
        length = len(rest) - len(rest.lstrip("0123456789."))
        number, rest = rest[:length], rest[length:]
        length = len(rest) - len(rest.lstrip("hms"))
        unit, rest = rest[:length], rest[length:]
        if unit not in _SECONDS or number.count(".") > 1 or not number.strip("."):
            break
        total += float(number) * _SECONDS[unit]
    else:
        if total > 0:
            return total
    raise InvalidArgument(f'invalid value "{text[:64]}" for -interval: a duration is needed')


def _entries(entries: Iterable[IoEntry]) -> list[dict[str, object]]:
    return [
        {"major": entry.major, "minor": entry.minor, "op": entry.op, "value": entry.value}
        for entry in entries
    ]


def stats_of(stats: CgroupStats) -> dict[str, object]:
    """A reading in runc's form."""
    cpu, memory = stats.cpu, stats.memory
    usage: dict[str, object] = {
        "total": cpu.usage_ns,
        "kernel": cpu.system_ns,
        "user": cpu.user_ns,
    }
    if cpu.per_cpu_ns:
        usage["percpu"] = list(cpu.per_cpu_ns)
    pids = {"current": stats.pids_current}
    if stats.pids_limit is not None:
        pids["limit"] = stats.pids_limit
    detail = memory.detail
    io = {
        "ioServiceBytesRecursive": _entries(stats.io_service_bytes),
        "ioServicedRecursive": _entries(stats.io_serviced),
    }
    return {
        "cpu": {
            "usage": usage,
            "throttling": {
                "periods": cpu.periods,
                "throttledPeriods": cpu.throttled_periods,
                "throttledTime": cpu.throttled_ns,
            },
        },
        "memory": {
            "cache": detail.get("cache", detail.get("file", 0)),
            "usage": {
                "limit": _UNLIMITED if memory.limit is None else memory.limit,
                "usage": memory.usage,
                "max": memory.max_usage,
                "failcnt": memory.failcnt,
            },
            "raw": detail,
        },
        "pids": pids,
        "blkio": {name: entries for name, entries in io.items() if entries},
        "hugetlb": {},
        "intel_rdt": {},
        "network_interfaces": None,
    }


def _print(kind: str, name: str, data: dict[str, object] | None = None) -> None:
    event: dict[str, object] = {"type": kind, "id": name}
    if data is not None:
        event["data"] = data
    print_text(json.dumps(event, separators=(",", ":")) + "\n")


def execute(invocation: Invocation) -> int:
    """Returns 0 after one reading with --stats, else when the container has ended."""
    interval_s = parse_duration(invocation.options.text("interval", "5s"))
    entry = Store(invocation.root).open(invocation.arguments[0])
    values = entry.read()
    group = group_of(values)
    if group is None or entry.status(values, None) == "stopped":
        raise FailedPrecondition("container not running")
    if invocation.options.flag("stats"):
        _print("stats", entry.id, stats_of(group.stats()))
        return 0
    with open_init(values) as pidfd:
        _follow(entry.id, group, pidfd, interval_s)
    return 0


def _follow(name: str, group: Cgroup, pidfd: Fd, interval_s: float) -> None:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    watch = group.oom_watch()
    killed = 0
    try:
        if watch is not None:
            poll.register(watch.fd, watch.poll_events)
            killed = watch.count()
        due = time.monotonic() + interval_s
        while True:
            left_s = due - time.monotonic()
            ready = {fd for fd, _ in poll.poll(max(0.0, left_s) * 1000)}
            if watch is not None and watch.fd in ready:
                count = watch.count()
                if count > killed:
                    _print("oom", name)
                killed = count
            if pidfd.fileno() in ready:
                return
            if time.monotonic() >= due:
                _print("stats", name, stats_of(group.stats()))
                due += interval_s
    finally:
        if watch is not None:
            watch.close()
