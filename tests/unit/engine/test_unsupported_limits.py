"""Limits of another cgroup version, or of a controller that is not there, are warned about."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from baleen.api import HostConfig, ThrottleDevice
from baleen.engine.unsupported_limits import discard_unsupported
from baleen.errors import InvalidArgument

V1 = frozenset({"memory", "cpu", "cpuset", "pids", "blkio", "devices"})
V2 = frozenset({"memory", "cpu", "cpuset", "pids", "io", "devices"})


def driver(version, controllers, *, limits_swap=True):
    return SimpleNamespace(version=version, controllers=controllers, limits_swap=limits_swap)


EVERYTHING = HostConfig(
    memory=64 << 20,
    memory_swap=128 << 20,
    memory_reservation=32 << 20,
    memory_swappiness=0,
    oom_kill_disable=True,
    pids_limit=5,
    cpu_shares=512,
    cpu_period=50000,
    cpu_quota=25000,
    cpuset_cpus="0",
    cpuset_mems="0",
    blkio_weight=500,
    blkio_device_read_bps=[ThrottleDevice(path="/dev/x", rate=1)],
)


def test_version_1_knows_everything():
    assert discard_unsupported(EVERYTHING, driver(1, V1)) == (EVERYTHING, [])


def test_version_2_has_no_swappiness_and_always_its_oom_killer():
    host, warnings = discard_unsupported(EVERYTHING, driver(2, V2))
    assert (host.memory_swappiness, host.oom_kill_disable) == (None, None)
    assert host.memory == EVERYTHING.memory
    assert host.blkio_weight == 500
    assert "memory swappiness capabilities or the cgroup is not mounted. Memory" in warnings[0]
    assert warnings[1:] == [
        "Your kernel does not support OomKillDisable. OomKillDisable discarded."
    ]


@pytest.mark.parametrize(
    "host",
    [HostConfig(), HostConfig(memory_swappiness=-1, oom_kill_disable=False, pids_limit=-1)],
)
@pytest.mark.parametrize("version", [1, 2])
def test_words_for_no_limit_are_no_reason_to_warn(host, version):
    assert discard_unsupported(host, driver(version, frozenset()))[1] == []


@pytest.mark.parametrize(("version", "count"), [(1, 10), (2, 10)])
def test_without_controllers_nothing_is_left(version, count):
    host, warnings = discard_unsupported(EVERYTHING, driver(version, frozenset()))
    assert len(warnings) == len(set(warnings)) == count
    assert all(text.startswith("Your kernel does not support ") for text in warnings)
    assert host == HostConfig()


def test_memory_is_limited_without_swap_where_that_cannot_be():
    host, warnings = discard_unsupported(
        HostConfig(memory=64 << 20), driver(1, V1, limits_swap=False)
    )
    assert (host.memory, host.memory_swap) == (64 << 20, -1)
    assert "Memory limited without swap" in warnings[0]
    again, warnings = discard_unsupported(host, driver(1, V1, limits_swap=False))
    assert (again, warnings) == (host, [])


def test_a_share_of_processors_without_their_controller_is_an_error():
    with pytest.raises(InvalidArgument, match="NanoCPUs can not be set"):
        discard_unsupported(HostConfig(nano_cpus=10**9), driver(2, V2 - {"cpu"}))
