"""Which files v1 limits go to; the kernel's judgement is in tests/integration."""

import pytest

from baleen.linux.cgroup import LimitRefused
from baleen.linux.cgroup.files import GroupFiles
from baleen.linux.cgroup.v1_limits import apply

NAMES = """
memory/memory.limit_in_bytes memory/memory.memsw.limit_in_bytes memory/memory.soft_limit_in_bytes
memory/memory.kmem.limit_in_bytes memory/memory.kmem.tcp.limit_in_bytes
memory/memory.use_hierarchy memory/memory.swappiness memory/memory.oom_control
cpu/cpu.shares cpu/cpu.cfs_period_us
cpu/cpu.cfs_quota_us cpu/cpu.cfs_burst_us cpu/cpu.rt_period_us cpu/cpu.rt_runtime_us cpu/cpu.idle
cpuset/cpuset.cpus cpuset/cpuset.mems pids/pids.max blkio/blkio.bfq.weight
blkio/blkio.throttle.read_bps_device blkio/blkio.throttle.write_iops_device
hugetlb/hugetlb.2MB.limit_in_bytes net_cls/net_cls.classid net_prio/net_prio.ifpriomap rdma/rdma.max
"""


@pytest.fixture
def write(tmp_path):
    """Applies resources to a directory of plain files; returns those that were written."""

    def write(resources, *, fresh=True):
        for name in NAMES.split():
            file = tmp_path / name
            file.parent.mkdir(exist_ok=True)
            file.write_text("")
        directories = {path.name: str(path) for path in tmp_path.iterdir()}
        apply(GroupFiles(directories), resources, fresh=fresh)
        return {
            file.name: text for file in tmp_path.rglob("*.*") if (text := file.read_text()) != ""
        }

    return write


def test_memory(write):
    assert write({"memory": {"limit": 100, "swap": 200, "reservation": 50, "swappiness": 0}}) == {
        "memory.limit_in_bytes": "100",
        "memory.memsw.limit_in_bytes": "200",
        "memory.soft_limit_in_bytes": "50",
        "memory.swappiness": "0",
    }
    assert write({"memory": {"limit": -1}}) == {
        "memory.limit_in_bytes": "-1",
        "memory.memsw.limit_in_bytes": "-1",
    }
    assert write({"memory": {"limit": 0, "kernel": -1, "kernelTCP": 0, "swappiness": -1}}) == {}
    assert write({"memory": {"kernel": 5, "kernelTCP": 6, "useHierarchy": True}}) == {
        "memory.kmem.limit_in_bytes": "5",
        "memory.kmem.tcp.limit_in_bytes": "6",
        "memory.use_hierarchy": "1",
    }
    assert write({"memory": {"disableOOMKiller": True}}) == {"memory.oom_control": "1"}


def test_processor(write):
    assert write(
        {
            "cpu": {
                "shares": 512,
                "quota": 5000,
                "period": 10000,
                "burst": 100,
                "realtimePeriod": 7,
                "realtimeRuntime": 3,
                "idle": 1,
                "cpus": "0-1",
                "mems": "0",
            }
        }
    ) == {
        "cpu.shares": "512",
        "cpu.cfs_quota_us": "5000",
        "cpu.cfs_period_us": "10000",
        "cpu.cfs_burst_us": "100",
        "cpu.rt_period_us": "7",
        "cpu.rt_runtime_us": "3",
        "cpu.idle": "1",
        "cpuset.cpus": "0-1",
        "cpuset.mems": "0",
    }
    assert write({"cpu": {"shares": 0, "quota": 0, "period": 0, "cpus": ""}}) == {}


def test_the_rest(write):
    assert write({"pids": {"limit": 5}}) == {"pids.max": "5"}
    assert write({"pids": {"limit": -1}}) == {"pids.max": "max"}
    assert write(
        {
            "blockIO": {
                "weight": 500,
                "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 9}],
                "throttleWriteIOPSDevice": [{"major": 8, "minor": 0, "rate": 0}],
            }
        }
    ) == {
        "blkio.bfq.weight": "500",
        "blkio.throttle.read_bps_device": "8:0 9",
        "blkio.throttle.write_iops_device": "8:0 0",
    }
    assert write({"hugepageLimits": [{"pageSize": "2MB", "limit": 4}]}) == {
        "hugetlb.2MB.limit_in_bytes": "4"
    }
    assert write({"network": {"classID": 3, "priorities": [{"name": "eth0", "priority": 2}]}}) == {
        "net_cls.classid": "3",
        "net_prio.ifpriomap": "eth0 2",
    }
    assert write({"rdma": {"mlx": {"hcaHandles": 1}}}) == {"rdma.max": "mlx hca_handle=1"}


@pytest.mark.parametrize(
    "bad",
    [
        {"unified": {"memory.max": "5"}},
        {"memory": {"swappiness": 101}},
        {"memory": {"limit": 1.5}},
        {"memory": []},
        {"cpu": {"idle": 2}},
        {"cpu": {"cpus": "0-1e9"}},
        {"devices": {"allow": True}},
        {"network": {"priorities": [{"name": "a b", "priority": 1}]}},
        {"hugepageLimits": [{"pageSize": "1GB", "limit": 4}]},
        {"blockIO": {"leafWeight": 5}},
        {"blockIO": {"weightDevice": [{"major": 8, "minor": 0, "leafWeight": 5}]}},
    ],
)
def test_what_cannot_be_is_refused(write, bad):
    with pytest.raises(LimitRefused):
        write(bad)
