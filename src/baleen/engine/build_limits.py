"""The limits of a build's processes in the words of a container's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from baleen.api import Ulimit

if TYPE_CHECKING:
    from baleen.build.session import Limits

__all__ = ["resource_fields"]


def resource_fields(limits: Limits) -> dict[str, Any]:
    """Return the fields of `api.Resources`, which those of a `HostConfig` are too."""
    return {
        "memory": limits.memory_bytes,
        "memory_swap": limits.memory_swap_bytes,
        "cpu_shares": limits.cpu_shares,
        "cpu_period": limits.cpu_period_us,
        "cpu_quota": limits.cpu_quota_us,
        "cpuset_cpus": limits.cpuset_cpus,
        "cpuset_mems": limits.cpuset_mems,
        "ulimits": [Ulimit(name=name, soft=soft, hard=hard) for name, soft, hard in limits.ulimits],
        "cgroup_parent": limits.cgroup_parent,
    }
