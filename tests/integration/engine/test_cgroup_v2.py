"""What the unified hierarchy does differently, through the real client.

A host with version 1 skips this; `make test-vm` runs it in a machine that has version 2 alone.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from bed import wait_until

CONTROLLERS = Path("/sys/fs/cgroup/cgroup.controllers")

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not CONTROLLERS.exists(), reason="this host has cgroup v1: make test-vm"),
]

# What the entry point of a nested engine or an init system does.
PASS_ON = (
    "cd /sys/fs/cgroup && mkdir init && echo 1 > init/cgroup.procs && echo 0 > init/cgroup.procs"
    " && echo +memory +pids > cgroup.subtree_control"
)


def group_file(engine, name, file) -> str:
    path = Path(f"/proc/{engine.state(name)['Pid']}/cgroup").read_text().strip()
    return Path(f"/sys/fs/cgroup{path.removeprefix('0::')}/{file}").read_text().strip()


def run(engine, *arguments) -> None:
    engine.docker("run", "-d", "--name", "box", *arguments, "busybox", "sleep", "1000")


def test_info_says_so(engine):
    assert engine.out("info", "--format", "{{.CgroupVersion}} {{.CgroupDriver}}") == "2 cgroupfs"
    assert "cgroupns" in engine.out("info", "--format", "{{.SecurityOptions}}")


def test_the_cgroup_namespace_is_private_unless_asked_otherwise(engine):
    command = ("busybox", "cat", "/proc/self/cgroup")
    assert engine.out("run", "--rm", *command) == "0::/"
    assert engine.out("run", "--rm", "--cgroupns", "host", *command) != "0::/"
    assert engine.out("run", "--rm", "--privileged", *command) != "0::/"


def test_all_limits_are_in_their_files(engine):
    run(
        engine,
        *("--memory", "64m", "--memory-swap", "96m", "--memory-reservation", "32m"),
        *("--cpu-shares", "512", "--cpus", "0.5", "--cpuset-cpus", "0", "--pids-limit", "77"),
    )
    expected = {
        "memory.max": str(64 << 20),
        "memory.swap.max": str(32 << 20),
        "memory.low": str(32 << 20),
        "cpu.weight": "59",
        "cpu.max": "50000 100000",
        "cpuset.cpus": "0",
        "pids.max": "77",
    }
    assert {file: group_file(engine, "box", file) for file in expected} == expected
    engine.docker("update", "--memory", "128m", "--memory-swap", "-1", "--cpus", "0.25", "box")
    engine.docker("update", "--pids-limit", "-1", "box")
    expected |= {
        "memory.max": str(128 << 20),
        "memory.swap.max": "max",
        "cpu.max": "25000 100000",
        "pids.max": "max",
    }
    assert {file: group_file(engine, "box", file) for file in expected} == expected


def disk() -> tuple[str, str]:
    """The name and the number of a real disk."""
    path = next(path for path in Path("/sys/block").iterdir() if (path / "device").exists())
    return path.name, (path / "dev").read_text().strip()


def test_devices_are_throttled(engine):
    name, number = disk()
    run(engine, "--device-read-bps", f"/dev/{name}:1mb", "--blkio-weight", "500")
    assert group_file(engine, "box", "io.max").startswith(f"{number} rbps=1048576 wbps=max")


def test_what_only_version_1_knows_is_discarded_with_a_warning(engine):
    done = engine.docker(
        *("run", "--rm", "-m", "64m", "--oom-kill-disable", "--memory-swappiness", "5"),
        *("busybox", "echo", "runs"),
    )
    assert done.stdout == "runs\n"
    assert "OomKillDisable discarded" in done.stderr
    assert "Memory swappiness discarded" in done.stderr


def test_devices_are_filtered_by_a_program_that_holds_for_exec_too(engine):
    major, minor = disk()[1].split(":")
    make = f"mknod /x b {major} {minor}"
    assert "not permitted" in engine.fails(
        "run", "--rm", "busybox", "sh", "-c", f"{make} && head -c 1 /x"
    )
    run(engine, "--device-cgroup-rule", f"b {major}:* r")
    engine.docker("exec", "box", "sh", "-c", f"{make} && head -c 1 /x > /dev/null")
    assert "not permitted" in engine.fails("exec", "box", "sh", "-c", ": >> /x")
    engine.docker("exec", "box", "sh", "-c", "mknod /kmsg c 1 11")
    assert "not permitted" in engine.fails("exec", "box", "head", "-c", "1", "/kmsg")


def test_a_container_may_manage_groups_of_its_own_and_exec_still_works(engine):
    run(engine, "--privileged", "--cgroupns", "private")
    engine.docker("exec", "box", "sh", "-c", PASS_ON)
    assert engine.out("exec", "box", "cat", "/proc/self/cgroup") == "0::/init"
    engine.docker("exec", "box", "sh", "-c", "mkdir /sys/fs/cgroup/x")
    assert "sleep 1000" in engine.out("top", "box")
    engine.docker("pause", "box")
    engine.docker("unpause", "box")
    engine.docker("restart", "-t", "0", "box")
    assert engine.out("exec", "box", "cat", "/proc/self/cgroup") == "0::/"


def test_a_restart_by_policy_finds_its_group_fit_for_processes(engine):
    engine.docker(
        *("run", "-d", "--name", "box", "--privileged", "--cgroupns", "private"),
        *("--restart", "on-failure:2", "busybox", "sh", "-c", f"{PASS_ON} && exit 3"),
    )
    state = engine.wait_for_status("box", "exited")
    assert (state["ExitCode"], state["Error"]) == (3, "")
    assert engine.inspect("box")["RestartCount"] == 2


def test_the_whole_tree_is_killed_and_frozen(engine):
    run(engine)
    for _ in range(3):
        engine.docker("exec", "-d", "box", "sh", "-c", "sleep 999 & sleep 998")
    wait_until("all run", lambda: engine.out("top", "box").count("sleep 99") >= 6)
    engine.docker("pause", "box")
    assert group_file(engine, "box", "cgroup.events") == "populated 1\nfrozen 1"
    engine.docker("kill", "box")
    engine.wait_for_status("box", "exited")


def test_running_out_of_memory_is_seen_while_the_container_goes_on(engine):
    run(engine, "-m", "16m")
    eat = "x=$(head -c 60000000 /dev/zero | tr '\\0' x)"
    assert engine.docker("exec", "box", "sh", "-c", eat, check=False).returncode != 0
    assert engine.state("box")["Status"] == "running"
    since = str(int(time.time()) - 600)
    wait_until(
        "the event",
        lambda: "oom" in engine.out("events", "--since", since, "--until", "0s", "-f", "event=oom"),
    )


def test_statistics_are_of_version_2(engine):
    run(engine, "-m", "64m")
    stats = engine.api("GET", "/containers/box/stats?stream=0").json()
    assert "max_usage" not in stats["memory_stats"]
    assert stats["memory_stats"]["limit"] == 64 << 20
    assert stats["memory_stats"]["stats"]["anon"] > 0
    assert stats["cpu_stats"]["cpu_usage"]["total_usage"] > 0
    assert stats["pids_stats"]["current"] == 1


def test_groups_below_another_parent(engine):
    parent = Path(engine.place.cgroup_parent) / "deep/er"
    run(engine, "--cgroup-parent", str(parent), "--memory", "64m")
    assert f"{parent}/" in Path(f"/proc/{engine.state('box')['Pid']}/cgroup").read_text()
    assert group_file(engine, "box", "memory.max") == str(64 << 20)
    engine.docker("rm", "-f", "box")
    for directory in (parent, parent.parent):  # parents are the user's
        Path(f"/sys/fs/cgroup{directory}").rmdir()
