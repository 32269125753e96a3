"""The systemd cgroup driver under a real systemd: a scope for each container.

Needs systemd as the first process and cgroup v2; `tools/test-vm --systemd` has a machine with that.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
from pathlib import Path

import leaks
import pytest
from bed import Bed, running, wait_until

ROOT = Path("/sys/fs/cgroup")

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        not Path("/run/systemd/system").is_dir() or not (ROOT / "cgroup.controllers").exists(),
        reason="systemd is not the first process, or the host has cgroup v1",
    ),
]

DEADLINE_S = 60


def systemctl(*arguments: str) -> str:
    done = subprocess.run(
        ["systemctl", *arguments], capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def units(pattern: str, *options: str) -> list[str]:
    words = ("list-units", "--all", "--plain", "--no-legend", *options, pattern)
    return [line.split()[0] for line in systemctl(*words).splitlines()]


class SystemdBed(Bed):
    """A daemon whose containers are scopes of a slice of its own."""

    cgroup_driver = "systemd"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.slice = f"bltest{os.urandom(3).hex()}.slice"
        self.place = dataclasses.replace(self.place, cgroup_parent=self.slice)

    def close(self) -> None:
        super().close()
        systemctl("stop", self.slice)

    def unit(self, name: str) -> str:
        return f"docker-{self.inspect(name)['Id']}.scope"

    def group(self, name: str) -> Path:
        return ROOT / self.slice / self.unit(name)

    def file(self, name: str, file: str) -> str:
        return (self.group(name) / file).read_text().strip()

    def show(self, name: str, *properties: str) -> dict[str, str]:
        text = systemctl("show", "--property=" + ",".join(properties), self.unit(name))
        return dict(line.split("=", 1) for line in text.splitlines())

    def run(self, *arguments: str) -> None:
        self.docker("run", "-d", "--name", "box", *arguments, "busybox", "sleep", "1000")


@pytest.fixture(scope="module")
def engine():
    yield from running(SystemdBed)


@pytest.fixture(autouse=True)
def no_unit_is_left(engine):
    yield
    engine.remove_everything()
    wait_until("no scope is left", lambda: not units("docker-*.scope"), timeout_s=DEADLINE_S)
    assert units("*", "--state=failed") == []


def test_info_says_so(engine):
    assert engine.out("info", "--format", "{{.CgroupVersion}} {{.CgroupDriver}}") == "2 systemd"


def test_a_container_is_in_a_scope_of_its_own(engine):
    engine.run()
    pid = engine.state("box")["Pid"]
    place = Path(f"/proc/{pid}/cgroup").read_text().strip()
    assert place == f"0::/{engine.slice}/{engine.unit('box')}"
    assert engine.show("box", "ActiveState", "Delegate", "Slice", "TasksMax") == {
        "ActiveState": "active",
        "Delegate": "yes",
        "Slice": engine.slice,
        "TasksMax": "infinity",
    }
    assert engine.out("exec", "box", "cat", "/proc/self/cgroup") == "0::/"
    assert "sleep 1000" in engine.out("top", "box")
    engine.docker("pause", "box")
    assert "frozen 1" in engine.file("box", "cgroup.events")
    engine.docker("unpause", "box")


LIMITS = (
    *("--memory", "64m", "--memory-swap", "96m", "--memory-reservation", "32m"),
    *("--cpu-shares", "512", "--cpus", "0.5", "--cpuset-cpus", "0", "--pids-limit", "77"),
)
FILES = {
    "memory.max": str(64 << 20),
    "memory.swap.max": str(32 << 20),
    "memory.low": str(32 << 20),
    "cpu.weight": "59",
    "cpu.max": "50000 100000",
    "cpuset.cpus": "0",
    "pids.max": "77",
}
SHOWN = {
    "MemoryMax": str(64 << 20),
    "MemorySwapMax": str(32 << 20),
    "MemoryLow": str(32 << 20),
    "CPUWeight": "59",
    "CPUQuotaPerSecUSec": "500ms",
    "AllowedCPUs": "0",
    "TasksMax": "77",
}


def test_limits_are_in_the_unit_and_in_the_files_and_outlive_reloads(engine):
    engine.run(*LIMITS)

    def found() -> tuple[dict[str, str], dict[str, str]]:
        files = {file: engine.file("box", file) for file in FILES}
        return files, engine.show("box", *SHOWN)

    assert found() == (FILES, SHOWN)
    systemctl("daemon-reload")
    assert found() == (FILES, SHOWN)
    # Whatever systemd is told of the unit, it writes all that it knows of it.
    systemctl("set-property", "--runtime", engine.unit("box"), "MemoryHigh=60M")
    systemctl("daemon-reload")
    assert found() == (FILES, SHOWN)

    engine.docker("update", "--memory", "128m", "--memory-swap", "-1", "--cpus", "0.25", "box")
    engine.docker("update", "--pids-limit", "-1", "box")
    changed = (
        FILES
        | {
            "memory.max": str(128 << 20),
            "memory.swap.max": "max",
            "cpu.max": "25000 100000",
            "pids.max": "max",
        },
        SHOWN
        | {
            "MemoryMax": str(128 << 20),
            "MemorySwapMax": "infinity",
            "CPUQuotaPerSecUSec": "250ms",
            "TasksMax": "infinity",
        },
    )
    assert found() == changed
    systemctl("daemon-reload")
    systemctl("daemon-reexec")
    assert found() == changed


def test_a_limit_without_a_whole_percent_is_exact(engine):
    engine.run("--cpu-period", "30000", "--cpu-quota", "12345")
    assert engine.file("box", "cpu.max") == "12345 30000"


def disk() -> tuple[str, str]:
    """The name and the number of a real disk."""
    path = next(path for path in Path("/sys/block").iterdir() if (path / "device").exists())
    return path.name, (path / "dev").read_text().strip()


def test_disks_are_throttled_in_the_unit_too(engine):
    name, number = disk()
    engine.run("--device-read-bps", f"/dev/{name}:1mb", "--blkio-weight", "500")
    assert engine.file("box", "io.max").startswith(f"{number} rbps=1048576 wbps=max")
    shown = engine.show("box", "IOReadBandwidthMax", "IOWeight")
    assert shown == {"IOReadBandwidthMax": f"/dev/block/{number} 1048576", "IOWeight": "4950"}
    systemctl("daemon-reload")
    assert engine.file("box", "io.max").startswith(f"{number} rbps=1048576 wbps=max")


def test_devices_are_filtered_before_and_after_a_reload(engine):
    major, minor = disk()[1].split(":")
    engine.run("--device-cgroup-rule", f"b {major}:* r")
    engine.docker("exec", "box", "mknod", "/disk", "b", major, minor)
    engine.docker("exec", "box", "mknod", "/kmsg", "c", "1", "11")
    for _ in range(2):
        engine.docker("exec", "box", "sh", "-c", "head -c 1 /disk /dev/urandom > /dev/null")
        assert "not permitted" in engine.fails("exec", "box", "sh", "-c", ": >> /disk")
        assert "not permitted" in engine.fails("exec", "box", "head", "-c", "1", "/kmsg")
        systemctl("daemon-reload")


def test_stop_start_and_restart_make_a_new_scope_each_time(engine):
    engine.run("--memory", "64m")
    unit = engine.unit("box")
    engine.docker("stop", "-t", "0", "box")
    wait_until("the scope is gone", lambda: unit not in units("docker-*"), timeout_s=DEADLINE_S)
    for words in (("start",), ("restart", "-t", "0"), ("restart", "-t", "0")):
        engine.docker(*words, "box")
        assert engine.state("box")["Running"]
        assert engine.file("box", "memory.max") == str(64 << 20)
        assert units("docker-*.scope") == [unit]


def test_the_restart_policy_makes_one_too(engine):
    engine.docker(
        *("run", "-d", "--name", "box", "--restart", "on-failure:3", "--memory", "64m"),
        *("busybox", "sh", "-c", "exit 3"),
    )
    state = wait_until(
        "it has ended",
        lambda: (found := engine.state("box"))["Status"] == "exited" and found,
        timeout_s=DEADLINE_S,
    )
    assert (state["ExitCode"], state["Error"]) == (3, "")
    assert engine.inspect("box")["RestartCount"] == 3


def test_a_container_may_manage_groups_of_its_own(engine):
    engine.run("--privileged", "--cgroupns", "private")
    script = (
        "cd /sys/fs/cgroup && mkdir init && echo 1 > init/cgroup.procs"
        " && echo 0 > init/cgroup.procs && echo +memory +pids > cgroup.subtree_control"
        " && mkdir other"
    )
    engine.docker("exec", "box", "sh", "-c", script)
    systemctl("daemon-reload")
    assert engine.out("exec", "box", "cat", "/proc/self/cgroup") == "0::/init"
    group = engine.group("box")
    engine.docker("kill", "box")
    wait_until("its groups are gone", lambda: not group.exists(), timeout_s=DEADLINE_S)


def test_who_is_killed_for_memory_is_known(engine):
    eat = "x=$(head -c 60000000 /dev/zero | tr '\\0' x)"
    for number in range(3):
        engine.docker(
            *("run", "--name", f"eater{number}", "-m", "16m", "--memory-swap", "16m"),
            *("busybox", "sh", "-c", eat),
            check=False,
            timeout_s=120,  # an emulated processor is long at its limit before it gives up
        )
        state = engine.state(f"eater{number}")
        assert (state["OOMKilled"], state["ExitCode"]) == (True, 137)


def test_a_killed_shim_leaves_no_scope(engine):
    engine.run()
    unit, pid = engine.unit("box"), engine.state("box")["Pid"]
    shim = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(shim, signal.SIGKILL)
    state = engine.wait_for_status("box", "exited")
    assert state["ExitCode"] == 137
    wait_until("the scope is gone", lambda: unit not in units("docker-*"), timeout_s=DEADLINE_S)
    engine.docker("start", "box")
    assert units("docker-*.scope") == [unit]


def test_containers_outlive_a_killed_daemon_and_one_with_the_other_driver(engine):
    engine.run("--memory", "64m")
    pid = engine.state("box")["Pid"]
    engine.kill9()
    engine.start()
    engine.docker("update", "--memory", "80m", "--memory-swap", "-1", "box")
    assert engine.show("box", "MemoryMax") == {"MemoryMax": str(80 << 20)}
    engine.stop()
    engine.cgroup_driver = "cgroupfs"
    engine.place = dataclasses.replace(engine.place, cgroup_parent="/" + engine.slice)
    try:
        engine.start()
        assert engine.state("box")["Pid"] == pid
        engine.docker("update", "--memory", "90m", "--memory-swap", "-1", "box")
        assert engine.show("box", "MemoryMax") == {"MemoryMax": str(90 << 20)}
        assert "sleep 1000" in engine.out("top", "box")
    finally:
        engine.stop()
        engine.cgroup_driver = "systemd"
        engine.place = dataclasses.replace(engine.place, cgroup_parent=engine.slice)
        engine.start()
    assert engine.state("box")["Pid"] == pid


def test_a_slice_may_be_nested_and_must_be_one(engine):
    stem = engine.slice.removesuffix(".slice")
    engine.run("--cgroup-parent", f"{stem}-in.slice")
    place = Path(f"/proc/{engine.state('box')['Pid']}/cgroup").read_text().strip()
    assert place == f"0::/{engine.slice}/{stem}-in.slice/{engine.unit('box')}"
    text = 'cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"'
    for parent in ("/foo", "foo", ".slice"):
        assert text in engine.fails("create", "--cgroup-parent", parent, "busybox")
    for parent in ("a/b.slice", "a--b.slice", "-a.slice"):
        message = engine.fails("create", "--cgroup-parent", parent, "busybox")
        assert f"invalid slice name: {parent}" in message
    engine.docker("rm", "-f", "box")
    systemctl("stop", f"{stem}-in.slice")  # slices stay, as with dockerd


def test_a_limit_that_is_refused_leaves_no_scope(engine):
    done = engine.docker("run", "--cpuset-cpus", "0", "-m", "6m", "busybox", "none", check=False)
    assert done.returncode == 127


def test_the_daemon_refuses_a_parent_that_is_no_slice(engine):
    command = leaks.in_netns(
        engine.netns,
        *("baleend", "--validate", "--exec-opt=native.cgroupdriver=systemd"),
        "--cgroup-parent=/foo",
    )
    path = f"{Path(os.sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}
    )
    assert done.returncode == 1
    assert 'should be a valid slice named as "xxx.slice"' in done.stderr
