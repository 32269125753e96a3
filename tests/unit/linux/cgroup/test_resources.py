import pytest

from baleen.linux.cgroup import LimitRefused
from baleen.linux.cgroup.resources import (
    cpuset_of,
    device_lines,
    hugepage_limits,
    rdma_lines,
    section,
)


def test_absent_and_null_members_are_absent():
    assert not section({}, "memory")
    assert not section({"memory": None}, "memory")
    assert not section({"memory": {"limit": None}}, "memory")
    assert section({"memory": {"limit": 0}}, "memory").integer("limit") == 0


@pytest.mark.parametrize("value", [True, "1", 1.5, 2**70, -2, [], {}])
def test_numbers_are_strict(value):
    with pytest.raises(LimitRefused, match=r"memory\.limit"):
        section({"memory": {"limit": value}}, "memory").integer("limit")


@pytest.mark.parametrize("value", [[], "x", 7])
def test_sections_are_objects(value):
    with pytest.raises(LimitRefused, match="memory is not an object"):
        section({"memory": value}, "memory")


def test_cpu_lists_are_checked_before_the_kernel_sees_them():
    assert cpuset_of(section({"cpu": {"cpus": "0-1"}}, "cpu"), "cpus") == "0-1"
    with pytest.raises(LimitRefused, match=r"cpuset\.cpus"):
        cpuset_of(section({"cpu": {"cpus": "1-4294967295"}}, "cpu"), "cpus")


def test_device_rates_and_weights():
    block_io = section({"blockIO": {"t": [{"major": 8, "minor": 0, "rate": 5}]}}, "blockIO")
    assert device_lines(block_io, "t", "rate") == [("8:0", 5)]
    for bad in ({"minor": 0, "rate": 5}, {"major": -1, "minor": 0, "rate": 5}, 5):
        block_io = section({"blockIO": {"t": [bad]}}, "blockIO")
        with pytest.raises(LimitRefused):
            device_lines(block_io, "t", "rate")


def test_huge_page_sizes_become_file_names_only_if_they_look_like_sizes():
    assert hugepage_limits({"hugepageLimits": [{"pageSize": "2MB", "limit": 9}]}) == [("2MB", 9)]
    for bad in ("", "2M", "../x", "2MB/../x", "02MB"):
        with pytest.raises(LimitRefused, match="huge page size"):
            hugepage_limits({"hugepageLimits": [{"pageSize": bad, "limit": 9}]})


def test_rdma_lines():
    assert rdma_lines({"rdma": {"mlx5_1": {"hcaHandles": 3, "hcaObjects": 4}, "x": {}}}) == [
        "mlx5_1 hca_handle=3 hca_object=4"
    ]
    with pytest.raises(LimitRefused):
        rdma_lines({"rdma": {"a b": {"hcaHandles": 3}}})
