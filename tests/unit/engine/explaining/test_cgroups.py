from __future__ import annotations

from dataclasses import replace

import msgspec

from baleen.engine.explaining.cgroups import explain_cgroup
from baleen.linux.cgroup.v1 import V1Driver
from baleen.linux.cgroup.v2 import V2Cgroup


def fill(directory, **files):
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / name.replace("__", ".")).write_text(text)


def v1(tmp_path):
    fill(
        tmp_path / "memory/baleen/1",
        memory__limit_in_bytes="67108864\n",
        memory__usage_in_bytes="4096\n",
        memory__soft_limit_in_bytes="9223372036854771712\n",
    )
    fill(tmp_path / "pids/baleen/1", pids__max="max\n", pids__current="3\n")
    fill(
        tmp_path / "cpu/baleen/1",
        cpu__cfs_quota_us="50000\n",
        cpu__cfs_period_us="100000\n",
        cpu__shares="1024\n",
    )
    driver = V1Driver(
        {
            str(tmp_path / "memory"): frozenset({"memory"}),
            str(tmp_path / "pids"): frozenset({"pids"}),
            str(tmp_path / "cpu"): frozenset({"cpu"}),
            str(tmp_path / "systemd"): frozenset(),
        },
        str(tmp_path / "unified"),
    )
    return driver.open("/baleen/1")


def limits(found):
    return {item.name: (item.limit, item.usage) for item in found.limits}


def with_groups(subject, groups):
    return replace(subject, live=replace(subject.live, cgroups=groups))


def test_version_1_of_a_running_container(make_subject, tmp_path):
    groups = [
        ("memory", "/baleen/1"), ("pids", "/baleen/1"), ("cpu", "/baleen/1"),
        ("name=systemd", "/baleen/1"), ("rdma", "/"), ("", "/baleen/1"),
    ]  # fmt: skip
    subject = with_groups(make_subject(status={}), groups)
    found = explain_cgroup(subject, v1(tmp_path), 1)
    assert limits(found) == {
        "memory": ("64 MiB", "4 KiB"),
        "memory reserved": ("unlimited", ""),
        "processes": ("unlimited", "3"),
        "CPU time": ("0.5 CPUs (50000 of each 100000 us)", ""),
        "CPU weight": ("1024", ""),
    }
    directories = {",".join(item.controllers): item.directory for item in found.paths}
    assert directories == {
        "memory": f"{tmp_path}/memory/baleen/1",
        "pids": f"{tmp_path}/pids/baleen/1",
        "cpu": f"{tmp_path}/cpu/baleen/1",
        "name=systemd": f"{tmp_path}/systemd/baleen/1",
        "rdma": "",
        "": f"{tmp_path}/unified/baleen/1",
    }


class UnifiedDriver:
    def __init__(self, mount):
        self.mount = str(mount)
        self.controllers = frozenset({"cpu", "cpuacct", "cpuset", "memory", "pids"})


def test_version_2_of_a_running_container(make_subject, tmp_path):
    fill(
        tmp_path / "baleen/1",
        memory__max="max\n",
        memory__current="1048576\n",
        pids__max="100\n",
        cpu__max="max 100000\n",
        cpu__stat="usage_usec 1500000\nuser_usec 1\n",
        cpu__weight="100\n",
    )
    (tmp_path / "baleen/1/memory.swap.max").write_text("0\n")
    group = V2Cgroup(UnifiedDriver(tmp_path), "/baleen/1")
    subject = with_groups(make_subject(status={}), [("", "/baleen/1")])
    found = explain_cgroup(subject, group, 2)
    assert limits(found) == {
        "memory": ("unlimited", "1 MiB"),
        "swap": ("0 B", ""),
        "processes": ("100", ""),
        "CPU time": ("unlimited", ""),
        "CPU time used": ("", "1.500 s"),
        "CPU weight": ("100", ""),
    }
    (path,) = found.paths
    assert (path.path, path.directory) == ("/baleen/1", f"{tmp_path}/baleen/1")
    assert "memory" in path.controllers


def test_a_plan_has_what_was_asked_for(make_subject, tmp_path):
    host = {
        "memory": 1 << 30, "pids_limit": 10, "cpu_quota": 150000, "cpuset_cpus": "0-1",
    }  # fmt: skip
    found = explain_cgroup(make_subject(host=host), v1(tmp_path), 1)
    assert limits(found)["memory"] == ("1 GiB", "")
    assert limits(found)["memory + swap"] == ("2 GiB", "")
    assert limits(found)["processes"] == ("10", "")
    assert limits(found)["CPU time"] == ("1.5 CPUs (150000 of each 100000 us)", "")
    assert limits(found)["CPUs"] == ("0-1", "")
    assert limits(found)["memory reserved"] == ("unlimited", "")
    assert "CPU time used" not in limits(found)
    controllers = sorted(name for item in found.paths for name in item.controllers)
    assert controllers == ["cpu", "memory", "name=systemd", "pids"]


def test_devices(make_subject, tmp_path):
    rules = explain_cgroup(make_subject(), v1(tmp_path), 1).devices
    assert (rules[0].allow, rules[0].rule) == (False, "a *:* rwm")
    found = {item.rule: item.why for item in rules}
    assert found["c 1:3 rwm"] == "/dev/null"
    assert "CAP_MKNOD" in found["b *:* m"]
    privileged = make_subject(host={"privileged": True})
    (all_of_them,) = explain_cgroup(privileged, v1(tmp_path), 1).devices
    assert (all_of_them.allow, all_of_them.rule) == (True, "a *:* rwm")
    custom = make_subject(host={"device_cgroup_rules": ["c 42:* rw"]})
    last = explain_cgroup(custom, v1(tmp_path), 1).devices[-1]
    assert (last.rule, last.why) == ("c 42:* rw", "Asked for with --device or a rule.")


def test_it_is_json(make_subject, tmp_path):
    assert msgspec.json.encode(explain_cgroup(make_subject(), v1(tmp_path), 1))
