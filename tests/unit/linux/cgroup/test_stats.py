import pytest

from baleen.linux.cgroup import CgroupStats, CpuStats, MemoryStats


def test_absent_controllers_are_zeros_and_no_limits():
    stats = CgroupStats(version=1, cpu=CpuStats(), memory=MemoryStats())
    assert (stats.cpu.usage_ns, stats.memory.usage, stats.pids_current) == (0, 0, 0)
    assert stats.memory.limit is stats.pids_limit is None
    with pytest.raises(AttributeError):
        stats.pids_current = 1
