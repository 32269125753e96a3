"""Limits in the words of the OCI document."""

from __future__ import annotations

import pytest

from baleen.api import HostConfig, Resources, ThrottleDevice, Ulimit
from baleen.engine.oci_resources import resources, rlimits
from baleen.errors import InvalidArgument


def test_nothing_asked_nothing_said():
    assert resources(HostConfig()) == {}
    assert rlimits(HostConfig(), {}) == []


def test_memory_and_swap():
    assert resources(Resources(memory=100))["memory"] == {"limit": 100, "swap": 200}
    assert resources(Resources(memory=100, memory_swap=150))["memory"]["swap"] == 150
    assert resources(Resources(memory=100, memory_swap=-1))["memory"]["swap"] == -1
    assert resources(Resources(memory_swappiness=0))["memory"] == {"swappiness": 0}
    assert resources(Resources(memory_swappiness=-1)) == {}
    assert resources(Resources(memory_reservation=5, oom_kill_disable=True))["memory"] == {
        "reservation": 5,
        "disableOOMKiller": True,
    }


def test_processors():
    assert resources(Resources(nano_cpus=1_500_000_000))["cpu"] == {
        "period": 100_000,
        "quota": 150_000,
    }
    assert resources(Resources(cpu_shares=512, cpuset_cpus="0-1", cpuset_mems="0"))["cpu"] == {
        "shares": 512,
        "cpus": "0-1",
        "mems": "0",
    }
    assert resources(Resources(cpu_period=5000, cpu_quota=-1))["cpu"] == {
        "period": 5000,
        "quota": -1,
    }


@pytest.mark.parametrize(
    ("limit", "expected"), [(None, None), (0, None), (-1, {"limit": -1}), (7, {"limit": 7})]
)
def test_pids(limit, expected):
    assert resources(Resources(pids_limit=limit)).get("pids") == expected


def test_devices_are_throttled_by_number():
    block = resources(Resources(blkio_device_read_bps=[ThrottleDevice(path="/dev/null", rate=9)]))
    assert block["blockIO"] == {"throttleReadBpsDevice": [{"major": 1, "minor": 3, "rate": 9}]}
    with pytest.raises(InvalidArgument, match="cannot limit device"):
        resources(Resources(blkio_device_read_bps=[ThrottleDevice(path="/dev/nosuch", rate=9)]))


def test_ulimits_replace_the_daemons():
    host = HostConfig(
        ulimits=[Ulimit(name="nofile", soft=1, hard=2), Ulimit(name="core", soft=-1, hard=-1)]
    )
    found = {
        limit["type"]: (limit["soft"], limit["hard"])
        for limit in rlimits(host, {"nofile": (5, 5), "nproc": (6, 7)})
    }
    assert found == {
        "RLIMIT_NOFILE": (1, 2),
        "RLIMIT_NPROC": (6, 7),
        "RLIMIT_CORE": (2**64 - 1, 2**64 - 1),
    }
