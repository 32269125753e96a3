"""Limits of builds and of containers."""

from __future__ import annotations

from dataclasses import fields

from baleen.api import HostConfig, Resources, Ulimit
from baleen.build.session import Limits
from baleen.engine.build_limits import resource_fields


def test_every_limit_has_its_field():
    limits = Limits(
        memory_bytes=1,
        memory_swap_bytes=2,
        cpu_shares=3,
        cpu_period_us=4,
        cpu_quota_us=5,
        cpuset_cpus="6",
        cpuset_mems="7",
        ulimits=(("nofile", 8, 9),),
        cgroup_parent="/10",
    )
    found = resource_fields(limits)
    assert found == {
        "memory": 1,
        "memory_swap": 2,
        "cpu_shares": 3,
        "cpu_period": 4,
        "cpu_quota": 5,
        "cpuset_cpus": "6",
        "cpuset_mems": "7",
        "ulimits": [Ulimit(name="nofile", soft=8, hard=9)],
        "cgroup_parent": "/10",
    }
    # All but the size of /dev/shm, which is no resource.
    assert len(found) == len(fields(Limits)) - 1
    assert Resources(**found).memory_swap == HostConfig(**found).memory_swap == 2


def test_no_limits_are_those_of_a_container_without():
    assert Resources(**resource_fields(Limits())) == Resources()
