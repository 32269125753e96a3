from baleen.runtime.cgroup_mounts import own_group, parse_hierarchies


def test_version_1_lines_become_hierarchies_and_the_unified_one_is_left_out():
    text = "12:cpu,cpuacct:/a\n2:name=systemd:/b:c\n0::/d\n"
    assert [(h.controllers, h.directory, h.group) for h in parse_hierarchies(text)] == [
        ("cpu,cpuacct", "cpu,cpuacct", "/a"),
        ("name=systemd", "systemd", "/b:c"),
    ]


def test_the_own_group_of_the_unified_hierarchy():
    assert own_group("12:cpu:/x\n0::/baleen/id\n") == "/baleen/id"
    assert own_group("12:cpu:/x\n") == "/"
