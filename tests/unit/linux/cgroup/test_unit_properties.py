"""The mapping, as runc has it for systemd and cgroup v2."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.linux.cgroup import LimitRefused
from baleen.linux.cgroup.unit_properties import INFINITY, limit_properties


def of(resources, *cpu_max):
    return {name: value.value for name, value in limit_properties(resources, *cpu_max)}


def test_nothing_is_nothing():
    assert of({}) == {}
    assert of({"devices": [{"allow": False, "access": "rwm"}], "memory": {}, "cpu": None}) == {}


def test_memory():
    assert of({"memory": {"limit": 100, "swap": 300, "reservation": 50}}) == {
        "MemoryMax": 100,
        "MemorySwapMax": 200,
        "MemoryLow": 50,
    }
    assert of({"memory": {"limit": -1, "swap": -1}}) == {
        "MemoryMax": INFINITY,
        "MemorySwapMax": INFINITY,
    }


def test_processors():
    assert of({"cpu": {"shares": 1024}}) == {"CPUWeight": 100}
    assert of({"cpu": {"quota": 50_000}}) == {
        "CPUQuotaPeriodUSec": 100_000,
        "CPUQuotaPerSecUSec": 500_000,
    }
    assert of({"cpu": {"quota": -1}})["CPUQuotaPerSecUSec"] == INFINITY
    assert of({"cpu": {"cpus": "0-1,10", "mems": "0"}}) == {
        "AllowedCPUs": b"\x03\x04",
        "AllowedMemoryNodes": b"\x01",
    }


def test_a_quota_is_rounded_up_to_whole_percents():
    assert of({"cpu": {"quota": 12_345, "period": 30_000}}) == {
        "CPUQuotaPeriodUSec": 30_000,
        "CPUQuotaPerSecUSec": 420_000,
    }


@given(st.integers(1, 10**9), st.integers(1000, 1_000_000))
def test_it_is_never_less_than_asked_for(quota, period):
    per_second = of({"cpu": {"quota": quota, "period": period}})["CPUQuotaPerSecUSec"]
    assert 0 <= per_second * period - quota * 1_000_000 < 10_000 * period
    assert per_second % 10_000 == 0


def test_an_update_of_one_half_keeps_the_other():
    assert of({"cpu": {"quota": 20_000}}, (50_000, 40_000)) == {
        "CPUQuotaPeriodUSec": 40_000,
        "CPUQuotaPerSecUSec": 500_000,
    }
    assert of({"cpu": {"period": 50_000}}, (25_000, 100_000)) == {
        "CPUQuotaPeriodUSec": 50_000,
        "CPUQuotaPerSecUSec": 500_000,
    }
    assert of({"cpu": {"period": 50_000}}, (-1, 100_000))["CPUQuotaPerSecUSec"] == INFINITY


def test_processes():
    assert of({"pids": {"limit": 7}}) == {"TasksMax": 7}
    assert of({"pids": {"limit": -1}}) == {"TasksMax": INFINITY}
    assert of({"pids": {"limit": 0}}) == {"TasksMax": INFINITY}


def test_disks():
    rate = {"major": 8, "minor": 16, "rate": 1000}
    resources = {
        "weight": 500,
        "weightDevice": [{"major": 8, "minor": 0, "weight": 10}],
        "throttleReadBpsDevice": [rate],
        "throttleWriteIOPSDevice": [rate | {"rate": 0}],
    }
    assert of({"blockIO": resources}) == {
        "IOWeight": 4950,
        "IODeviceWeight": [("/dev/block/8:0", 1)],
        "IOReadBandwidthMax": [("/dev/block/8:16", 1000)],
        "IOWriteIOPSMax": [("/dev/block/8:16", INFINITY)],
    }


def test_files_that_have_a_property():
    unified = {
        "memory.high": "1000", "memory.max": "max", "pids.max": "5", "cpu.max": "10000 20000",
        "cpuset.cpus": "0-2", "cpu.weight": "20", "hugetlb.2MB.max": "0", "memory.oom.group": "1",
    }  # fmt: skip
    assert of({"unified": unified}) == {
        "MemoryHigh": 1000,
        "MemoryMax": INFINITY,
        "TasksMax": 5,
        "CPUQuotaPeriodUSec": 20_000,
        "CPUQuotaPerSecUSec": 500_000,
        "AllowedCPUs": b"\x07",
        "CPUWeight": 20,
    }


@pytest.mark.parametrize(
    "resources",
    [
        {"memory": {"limit": "1"}},
        {"memory": {"limit": 100, "swap": 50}},
        {"cpu": {"cpus": "x"}},
        {"cpu": {"cpus": "99999"}},
        {"pids": {"limit": 1.5}},
        {"unified": {"cpuset.cpus": "x"}},
        {"blockIO": {"throttleReadBpsDevice": [{"rate": 1}]}},
    ],
)
def test_malformed_values_are_refused(resources):
    with pytest.raises(LimitRefused):
        limit_properties(resources)


@given(
    st.dictionaries(
        st.sampled_from(["cpu.max", "memory.max", "cpuset.mems", "pids.max", "x", ""]),
        st.one_of(st.text(max_size=20), st.none()),
    )
)
def test_unified_text_of_any_kind_is_read_or_refused(unified):
    with contextlib.suppress(LimitRefused):
        limit_properties({"unified": unified})
