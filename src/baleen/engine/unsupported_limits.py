"""Limits that this host's control groups do not know are discarded with a warning, as Docker does.

A client written for cgroup v1 says `--memory-swappiness` or `--oom-kill-disable` on v2 too; its
container runs, and `inspect` shows what holds.

See: moby's checks of a container's resources, whose texts clients print.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from baleen.api import HostConfig
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from baleen.linux.cgroup import CgroupDriver

__all__ = ["discard_unsupported"]

_OR: Final = "or the cgroup is not mounted."
_PREFIX: Final = "Your kernel does not support"
_DEFAULTS: Final = HostConfig()

# Controller (by its name on v2), fields, warning.
_NEEDS: Final = (
    ("memory", ("memory", "memory_swap"), f"memory limit capabilities {_OR} Limitation discarded."),
    (
        "memory",
        ("memory_reservation",),
        f"memory soft limit capabilities {_OR} Limitation discarded.",
    ),
    ("pids", ("pids_limit",), f"PIDs limit capabilities {_OR} PIDs limit discarded."),
    ("cpu", ("cpu_shares",), f"CPU shares {_OR} Shares discarded."),
    ("cpu", ("cpu_period", "cpu_quota"), "CPU CFS scheduler. CPU period/quota discarded."),
    ("cpuset", ("cpuset_cpus", "cpuset_mems"), f"cpuset {_OR} Cpuset discarded."),
    ("io", ("blkio_weight",), f"Block I/O weight {_OR} Weight discarded."),
    ("io", ("blkio_weight_device",), f"Block I/O weight_device {_OR} Weight-device discarded."),
    (
        "io",
        ("blkio_device_read_bps",),
        f"BPS Block I/O read limit {_OR} Block I/O BPS read limit discarded.",
    ),
    (
        "io",
        ("blkio_device_write_bps",),
        f"BPS Block I/O write limit {_OR} Block I/O BPS write limit discarded.",
    ),
    (
        "io",
        ("blkio_device_read_iops",),
        f"IOPS Block read limit {_OR} Block I/O IOPS read limit discarded.",
    ),
    (
        "io",
        ("blkio_device_write_iops",),
        f"IOPS Block write limit {_OR} Block I/O IOPS write limit discarded.",
    ),
)
# What only v1 has, in its memory controller.
_ONLY_V1: Final = (
    (
        "memory_swappiness",
        f"memory swappiness capabilities {_OR} Memory swappiness discarded.",
    ),
    ("oom_kill_disable", "OomKillDisable. OomKillDisable discarded."),
)


def discard_unsupported(host: HostConfig, cgroups: CgroupDriver) -> tuple[HostConfig, list[str]]:
    """Return the configuration with what can hold here, and a warning for each thing discarded.

    Raises:
        InvalidArgument: `--cpus` without a controller for it, which Docker refuses.
    """
    changes: dict[str, Any] = {}
    warnings: list[str] = []
    for controller, names, text in _NEEDS:
        wanted = "blkio" if controller == "io" and cgroups.version == 1 else controller
        if wanted not in cgroups.controllers and any(_is_given(host, name) for name in names):
            changes |= {name: getattr(_DEFAULTS, name) for name in names}
            warnings.append(f"{_PREFIX} {text}")
    has_memory = "memory" in cgroups.controllers
    if cgroups.version == 2 or not has_memory:
        for name, text in _ONLY_V1:
            if _is_given(host, name):
                warnings.append(f"{_PREFIX} {text}")
            changes[name] = None
    if has_memory and not cgroups.limits_swap and host.memory > 0 and host.memory_swap != -1:
        changes["memory_swap"] = -1
        warnings.append(f"{_PREFIX} swap limit capabilities {_OR} Memory limited without swap.")
    if host.nano_cpus > 0 and "cpu" not in cgroups.controllers:
        raise InvalidArgument(
            "NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the "
            "cgroup is not mounted"
        )
    return msgspec.structs.replace(host, **changes), warnings


def _is_given(host: HostConfig, name: str) -> bool:
    """Whether the client asks for it: -1 and 0 are words for "no limit", but not for swappiness."""
    value = getattr(host, name)
    if name == "memory_swappiness":
        return value is not None and value >= 0
    return value > 0 if isinstance(value, int) else bool(value)
