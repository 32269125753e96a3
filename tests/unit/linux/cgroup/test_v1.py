from baleen.linux.cgroup import IoEntry
from baleen.linux.cgroup.v1 import V1Driver, _parse_io


def test_each_hierarchy_has_the_path_and_comounted_controllers_share_it():
    driver = V1Driver(
        {
            "/sys/fs/cgroup/cpu,cpuacct": frozenset({"cpu", "cpuacct"}),
            "/sys/fs/cgroup/systemd": frozenset(),
            "/sys/fs/cgroup/pids": frozenset({"pids"}),
        },
        "/sys/fs/cgroup/unified",
    )
    assert driver.controllers == {"cpu", "cpuacct", "pids"}
    group = driver.open("/baleen/x")
    assert group.directories == (
        "/sys/fs/cgroup/cpu,cpuacct/baleen/x",
        "/sys/fs/cgroup/systemd/baleen/x",
        "/sys/fs/cgroup/pids/baleen/x",
        "/sys/fs/cgroup/unified/baleen/x",
    )
    assert group.files.directories["cpu"] == group.files.directories["cpuacct"]


def test_block_counters_are_read_without_the_total_of_all():
    text = b"8:0 Read 4096\n8:0 Total 4096\n253:1 Write 7\nTotal 4103\n"
    assert _parse_io(text) == (
        IoEntry(8, 0, "Read", 4096),
        IoEntry(8, 0, "Total", 4096),
        IoEntry(253, 1, "Write", 7),
    )
