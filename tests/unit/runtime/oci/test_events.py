import json

import pytest

from baleen.errors import InvalidArgument
from baleen.linux.cgroup import CgroupStats, CpuStats, IoEntry, MemoryStats
from baleen.runtime.oci.events import parse_duration, stats_of


@pytest.mark.parametrize(
    ("text", "seconds"), [("5s", 5), ("500ms", 0.5), ("1m30s", 90), ("1.5h", 5400), (".5s", 0.5)]
)
def test_durations(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "5", "s", "0s", "-1s", "1x", "1..2s", "1s2", "1_0s", "\u0665s"]
)
def test_others_are_refused(text):
    with pytest.raises(InvalidArgument, match="a duration is needed"):
        parse_duration(text)


def test_a_reading_has_runcs_members():
    stats = CgroupStats(
        version=1,
        cpu=CpuStats(usage_ns=3, user_ns=1, system_ns=2, per_cpu_ns=(3, 0), throttled_ns=9),
        memory=MemoryStats(usage=5, max_usage=6, limit=7, failcnt=8, detail={"cache": 4}),
        pids_current=2,
        pids_limit=10,
        io_service_bytes=(IoEntry(8, 0, "Read", 512),),
    )
    assert stats_of(stats) == {
        "cpu": {
            "usage": {"total": 3, "kernel": 2, "user": 1, "percpu": [3, 0]},
            "throttling": {"periods": 0, "throttledPeriods": 0, "throttledTime": 9},
        },
        "memory": {
            "cache": 4,
            "usage": {"limit": 7, "usage": 5, "max": 6, "failcnt": 8},
            "raw": {"cache": 4},
        },
        "pids": {"current": 2, "limit": 10},
        "blkio": {
            "ioServiceBytesRecursive": [{"major": 8, "minor": 0, "op": "Read", "value": 512}]
        },
        "hugetlb": {},
        "intel_rdt": {},
        "network_interfaces": None,
    }


def test_no_limit_is_the_largest_number_as_go_reads_it():
    data = stats_of(CgroupStats(version=2, cpu=CpuStats(), memory=MemoryStats()))
    assert json.loads(json.dumps(data))["memory"]["usage"]["limit"] == 2**64 - 1
    assert "limit" not in data["pids"]
