from baleen.linux.cgroup.detect import parse_mountinfo

V1 = """\
25 30 0:22 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
26 25 0:23 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct
27 25 0:23 / /sys/fs/cgroup/cpu rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct
28 25 0:24 / /sys/fs/cgroup/systemd rw,nosuid - cgroup cgroup rw,xattr,name=systemd
29 25 0:25 / /sys/fs/cgroup/net\\040cls rw - cgroup cgroup rw,net_cls
30 25 0:26 / /elsewhere/pids rw - cgroup cgroup rw,pids
"""
UNIFIED = "31 25 0:27 / /sys/fs/cgroup/unified rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"


def test_hierarchies_are_found_once_with_their_controllers():
    layout = parse_mountinfo(V1, "/sys/fs/cgroup")
    assert layout.hierarchies == {
        "/sys/fs/cgroup/cpu,cpuacct": {"cpu", "cpuacct"},
        "/sys/fs/cgroup/systemd": frozenset(),
        "/sys/fs/cgroup/net cls": {"net_cls"},
    }
    assert layout.unified is None


def test_hybrid_and_unified_layouts():
    assert parse_mountinfo(V1 + UNIFIED, "/sys/fs/cgroup").unified == "/sys/fs/cgroup/unified"
    only = parse_mountinfo(
        "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "/sys/fs/cgroup"
    )
    assert (only.hierarchies, only.unified) == ({}, "/sys/fs/cgroup")


def test_lines_that_are_not_mounts_are_skipped():
    assert parse_mountinfo("\nx - cgroup\n1 2 3 - cgroup2 a b\n", "/").unified is None
