"""Which files v2 limits go to and how values are converted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.linux.cgroup import LimitRefused
from baleen.linux.cgroup.files import GroupFiles
from baleen.linux.cgroup.v2_limits import apply, io_weight_of, swap_of, weight_of

CONTROLLERS = ("memory", "cpu", "cpuset", "pids", "io", "hugetlb", "rdma")
NAMES = """
memory.max memory.swap.max memory.low cpu.weight cpu.max cpu.max.burst cpu.idle cpuset.cpus
cpuset.mems memory.current pids.max io.weight io.max hugetlb.2MB.max rdma.max memory.high
"""


@pytest.fixture
def write(tmp_path):
    def write(resources, **present):
        for name in NAMES.split():
            (tmp_path / name).write_text(present.get(name.replace(".", "_"), ""))
        files = GroupFiles(dict.fromkeys(CONTROLLERS, str(tmp_path)))
        apply(files, str(tmp_path), resources)
        return {file.name: text for file in tmp_path.iterdir() if (text := file.read_text())}

    return write


def test_the_defaults_and_ends_of_shares_meet_those_of_weights():
    assert [weight_of(shares) for shares in (2, 1024, 262144)] == [1, 100, 10000]
    assert [weight_of(shares) for shares in (0, 1, 1 << 40)] == [1, 1, 10000]


@given(st.integers(2, 262143))
def test_more_shares_never_weigh_less(shares):
    assert 1 <= weight_of(shares) <= weight_of(shares + 1) <= 10000


def test_block_weights_span_the_range():
    assert [io_weight_of(weight) for weight in (10, 1000)] == [1, 10000]


def test_swap_is_what_the_sum_leaves():
    assert swap_of(300, 100) == 200
    assert swap_of(100, 100) == 0
    assert swap_of(-1, 100) == -1
    assert swap_of(0, 100) is None
    for swap, limit in ((50, 100), (50, 0), (50, -1)):
        with pytest.raises(LimitRefused):
            swap_of(swap, limit)


def test_memory(write):
    assert write({"memory": {"limit": 100, "swap": 300, "reservation": 50}}) == {
        "memory.max": "100",
        "memory.swap.max": "200",
        "memory.low": "50",
    }
    assert write({"memory": {"limit": -1, "swap": -1}}) == {
        "memory.max": "max",
        "memory.swap.max": "max",
    }


def test_processor(write):
    assert write({"cpu": {"shares": 1024, "quota": 5, "period": 10, "burst": 2, "cpus": "0"}}) == {
        "cpu.weight": "100",
        "cpu.max": "5 10",
        "cpu.max.burst": "2",
        "cpuset.cpus": "0",
    }
    assert write({"cpu": {"quota": 5}}, cpu_max="9 20000")["cpu.max"] == "5 20000"
    assert write({"cpu": {"quota": -1}}, cpu_max="5 20000")["cpu.max"] == "max 20000"
    assert write({"cpu": {"period": 7}}, cpu_max="5 2")["cpu.max"] == "5 7"


def test_the_rest(write):
    assert write({"pids": {"limit": 0}}) == {"pids.max": "max"}
    throttle = {"throttleWriteBpsDevice": [{"major": 8, "minor": 0, "rate": 9}]}
    assert write({"blockIO": {"weight": 10, **throttle}}) == {
        "io.weight": "1",
        "io.max": "8:0 wbps=9",
    }
    assert write({"hugepageLimits": [{"pageSize": "2MB", "limit": 4}]}) == {"hugetlb.2MB.max": "4"}
    assert write({"unified": {"memory.high": "77"}}) == {"memory.high": "77"}


def test_a_limit_below_what_is_in_use_is_refused_where_that_is_asked_for(write):
    memory = {"limit": 100, "checkBeforeUpdate": True}
    with pytest.raises(LimitRefused, match="100 is below the 101 bytes in use"):
        write({"memory": memory}, memory_current="101")
    assert write({"memory": memory}, memory_current="100")["memory.max"] == "100"


def test_reservations_of_huge_pages_are_limited_where_the_kernel_counts_them(write, tmp_path):
    (tmp_path / "hugetlb.2MB.rsvd.max").write_text("")
    assert write({"hugepageLimits": [{"pageSize": "2MB", "limit": 4}]}) == {
        "hugetlb.2MB.max": "4",
        "hugetlb.2MB.rsvd.max": "4",
    }


@pytest.mark.parametrize(
    "bad",
    [
        {"memory": {"disableOOMKiller": True}},
        {"memory": {"swappiness": 5}},
        {"memory": {"swap": 5}},
        {"memory": {"kernel": 5}},
        {"memory": {"kernelTCP": 5}},
        {"memory": {"useHierarchy": False}},
        {"blockIO": {"leafWeight": 5}},
        {"blockIO": {"weightDevice": [{"major": 8, "minor": 0, "leafWeight": 5}]}},
        {"cpu": {"realtimeRuntime": 5}},
        {"network": {"classID": 5}},
        {"unified": {"cgroup.procs": "1"}},
        {"unified": {"../memory.max": "1"}},
        {"unified": {"memory.max/../x": "1"}},
        {"unified": {"memory": "1"}},
        {"unified": {"memory.high": 1}},
        {"unified": {"misc.max": "1"}},
    ],
)
def test_what_cannot_be_is_refused(write, bad):
    with pytest.raises(LimitRefused):
        write(bad)
