"""Limits that are refused, at once and with Docker's words (attack D13)."""

from __future__ import annotations

import time

import pytest

from baleen.api import DeviceRequest, Resources, Ulimit
from baleen.engine.resource_checks import HostResources, check_resources, host_resources
from baleen.errors import InvalidArgument

HOST = HostResources(frozenset({0, 1}), frozenset({0}))


@pytest.mark.parametrize(
    "limits",
    [
        Resources(),
        Resources(memory=6 << 20, memory_swap=-1),
        Resources(memory=2**62, memory_reservation=6 << 20),
        Resources(nano_cpus=2 * 10**9),
        Resources(nano_cpus=10**7),
        Resources(cpuset_cpus="0-1", cpuset_mems="0"),
        Resources(pids_limit=-1, cpu_quota=-1),
        Resources(pids_limit=-5),  # as -1, for Docker
        Resources(
            ulimits=[Ulimit(name="nofile", soft=1, hard=-1), Ulimit(name="core", soft=-1, hard=-1)]
        ),
        Resources(blkio_weight=10),
    ],
)
def test_good_limits(limits):
    assert check_resources(limits, HOST) == []


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        (Resources(memory=1), "Minimum memory limit allowed is 6MB"),
        (Resources(memory=-1), "Minimum memory limit allowed is 6MB"),
        (Resources(memory=64 << 20, memory_swap=32 << 20), "Minimum memoryswap limit"),
        (Resources(memory_swap=1 << 30), "You should always set the Memory limit"),
        (Resources(memory_swap=-2), "memory swap"),
        (Resources(memory_swappiness=101), "valid memory swappiness range is 0-100"),
        (Resources(memory_reservation=1), "Minimum memory reservation allowed is 6MB"),
        (Resources(memory=64 << 20, memory_reservation=65 << 20), "less than memory reservation"),
        (
            Resources(nano_cpus=-1),
            "Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available",
        ),
        (Resources(nano_cpus=2 * 10**9 + 1), "Range of CPUs"),
        (Resources(nano_cpus=1, cpu_period=1000), "Nano CPUs and CPU Period"),
        (Resources(cpu_shares=-1), "value must be a positive integer"),
        (Resources(cpu_period=999), "CPU cfs period"),
        (Resources(cpu_quota=999), "CPU cfs quota"),
        (
            Resources(cpuset_cpus="2"),
            "Requested CPUs are not available - requested 2, available: 0,1",
        ),
        (Resources(cpuset_mems="1"), "Requested memory nodes are not available"),
        (Resources(cpuset_cpus="1-4294967295"), "for cpuset cpus"),
        (Resources(cpuset_cpus="0-1e9"), "for cpuset cpus"),
        (Resources(cpuset_cpus="0,,1"), "for cpuset cpus"),
        (Resources(blkio_weight=9), "Range of blkio weight is from 10 to 1000"),
        (Resources(ulimits=[Ulimit(name="x", soft=1, hard=1)]), "invalid ulimit type: x"),
        (Resources(ulimits=[Ulimit(name="nofile", soft=2, hard=1)]), "2 > 1"),
        (Resources(ulimits=[Ulimit(name="nofile", soft=-1, hard=1)]), "soft limit must be"),
        (Resources(ulimits=[Ulimit(name="nofile", soft=1, hard=1)] * 100), "too many ulimits"),
        (
            Resources(device_requests=[DeviceRequest(capabilities=[["gpu"]])]),
            'could not select device driver "" with capabilities: [[gpu]]',
        ),
    ],
)
def test_bad_limits(limits, text):
    begin = time.perf_counter()
    with pytest.raises(InvalidArgument) as caught:
        check_resources(limits, HOST)
    assert text in str(caught.value)
    assert time.perf_counter() - begin < 0.05


def test_a_warning_for_no_oom_killer_without_a_limit():
    (warning,) = check_resources(Resources(oom_kill_disable=True), HOST)
    assert "OOM killer is disabled" in warning


def test_this_host_has_a_processor_and_memory():
    assert host_resources().cpus
    assert host_resources().memory_nodes
