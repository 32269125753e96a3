import os

import pytest

from baleen.linux.cgroup import CgroupError, IoEntry
from baleen.linux.cgroup.v2 import V2Driver, _parse_io, _start_time


def test_io_lines_become_two_lists():
    service_bytes, serviced = _parse_io(
        "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6 cost.usage=7\n253:1 \n"
    )
    assert service_bytes == (
        IoEntry(8, 0, "read", 1),
        IoEntry(8, 0, "write", 2),
        IoEntry(8, 0, "discard", 5),
    )
    assert [entry.value for entry in serviced] == [3, 4, 6]


@pytest.fixture
def driver(tmp_path):
    """A tree of plain files: only what does not need the kernel to answer."""
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    (tmp_path / "cgroup.subtree_control").write_text("cpu\n")
    return V2Driver(str(tmp_path))


def test_the_root_passes_on_all_its_controllers(driver, tmp_path):
    assert driver.controllers == {"cpu", "memory", "pids", "devices", "freezer"}
    driver._pass_on(str(tmp_path))
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+memory +pids"


def test_statistics_come_from_their_files(driver, tmp_path):
    group = tmp_path / "x"
    group.mkdir()
    files = {
        "cpu.stat": "usage_usec 7\nuser_usec 4\nsystem_usec 3\nnr_periods 2\nnr_throttled 1\n"
        "throttled_usec 9\n",
        "memory.current": "100\n",
        "memory.peak": "200\n",
        "memory.max": "max\n",
        "memory.stat": "anon 5\nfile 6\n",
        "memory.events": "low 0\nmax 4\noom 2\noom_kill 1\n",
        "pids.current": "3\n",
        "pids.max": "64\n",
    }
    for name, text in files.items():
        (group / name).write_text(text)
    stats = driver.open("/x").stats()
    assert (stats.cpu.usage_ns, stats.cpu.user_ns, stats.cpu.system_ns) == (7000, 4000, 3000)
    assert (stats.cpu.periods, stats.cpu.throttled_periods, stats.cpu.throttled_ns) == (2, 1, 9000)
    assert (stats.memory.usage, stats.memory.max_usage, stats.memory.limit) == (100, 200, None)
    assert (stats.memory.failcnt, stats.memory.oom_kills) == (4, 1)
    assert stats.memory.detail == {"anon": 5, "file": 6}
    assert (stats.pids_current, stats.pids_limit) == (3, 64)
    with pytest.raises(CgroupError):
        driver.open("/gone").stats()


def test_start_times_order_processes_and_none_is_of_one_that_is_gone():
    ours = _start_time(os.getpid())
    assert ours is not None
    assert ours >= _start_time(os.getppid())
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    assert _start_time(child) is None
