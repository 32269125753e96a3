"""On cgroup v2 a user's containers have limits, in groups below the one that is delegated."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from bed import wait_until
from rootless_bed import new_bed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rootless_bed import RootlessBed

ROOT = Path("/sys/fs/cgroup")


@pytest.fixture(scope="module")
def delegated() -> Iterator[RootlessBed]:
    """A daemon that is started in a group below a delegated one, as a unit of a user is."""
    if not (ROOT / "cgroup.controllers").exists():
        pytest.skip("needs cgroup v2 (tools/test-vm)")
    bed = new_bed()
    parent = ROOT / bed.user
    bed.cgroup = parent / "unit"
    try:
        bed.cgroup.mkdir(parents=True)
        for controller in (ROOT / "cgroup.controllers").read_text().split():
            (ROOT / "cgroup.subtree_control").write_text(f"+{controller}")
        bed.before_start = lambda: give(bed, parent)
        bed.open()
        yield bed
        bed.end()
    finally:
        bed.close()
        for directory, _, _ in os.walk(parent, topdown=False):
            os.rmdir(directory)


def give(bed, parent):
    for group in (parent, parent / "unit"):
        for name in ("", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"):
            os.chown(group / name, bed.uid, bed.gid)


@pytest.fixture(autouse=True)
def nothing_is_left(request):
    bed = request.getfixturevalue("delegated")
    kept = bed.inventory()
    yield
    bed.remove_everything(kept)


def own(bed) -> Path:
    return Path(str(bed.note()["group"]))


def group_of(bed, name) -> Path:
    return own(bed) / "baleen" / bed.inspect(name)["Id"]


def test_info_says_what_there_is(delegated):
    info = delegated.api("GET", "/info").json()
    assert (info["CgroupDriver"], info["CgroupVersion"]) == ("cgroupfs", "2")
    assert info["MemoryLimit"]
    assert info["PidsLimit"]
    assert not [text for text in info["Warnings"] or () if "cgroup" in text]


def test_limits_hold_and_can_be_changed(delegated):
    delegated.docker(
        "run", "-d", "--name", "c1", "-m", "64m", "--pids-limit", "20", "busybox", "sleep", "1000"
    )
    group = group_of(delegated, "c1")
    assert (group / "memory.max").read_text() == f"{64 << 20}\n"
    assert (group / "pids.max").read_text() == "20\n"
    assert str(delegated.state("c1")["Pid"]) in (group / "cgroup.procs").read_text().split()
    delegated.docker("update", "-m", "32m", "--memory-swap", "32m", "c1")
    assert (group / "memory.max").read_text() == f"{32 << 20}\n"
    assert "sleep 1000" in delegated.out("top", "c1")
    usage = delegated.out("stats", "--no-stream", "--format", "{{.MemUsage}}", "c1")
    assert usage.endswith("/ 32MiB")
    delegated.docker("rm", "-f", "c1")
    wait_until("the group is gone", lambda: not group.exists())


def test_a_container_over_its_memory_is_killed(delegated):
    script = "x=a; while :; do x=$x$x$x; done"
    delegated.docker("run", "--name", "c1", "-m", "16m", "--memory-swap", "16m", "busybox",
                     "sh", "-c", script, check=False)  # fmt: skip
    assert delegated.state("c1")["OOMKilled"]


def test_pause_stops_every_process(delegated):
    delegated.docker("run", "-d", "--name", "c1", "busybox", "sleep", "1000")
    delegated.docker("pause", "c1")
    assert "frozen 1" in (group_of(delegated, "c1") / "cgroup.events").read_text()
    delegated.docker("unpause", "c1")
    assert delegated.out("exec", "c1", "echo", "runs") == "runs"


@pytest.mark.parametrize("mode", ["private", "host"])
def test_a_container_sees_no_more_than_what_is_delegated(delegated, mode):
    script = "cat /proc/self/cgroup; ls /sys/fs/cgroup; ! mkdir /sys/fs/cgroup/x 2>/dev/null"
    out = delegated.out("run", "--rm", f"--cgroupns={mode}", "busybox", "sh", "-c", script)
    first, *names = out.splitlines()
    assert first.startswith("0::/baleen/" if mode == "host" else "0::/")
    assert ("supervisor" in names) == (mode == "host")


def test_the_daemon_comes_back_to_the_same_groups(delegated):
    delegated.docker("run", "-d", "--name", "c1", "-m", "64m", "busybox", "sleep", "1000")
    group = group_of(delegated, "c1")
    delegated.kill9()
    delegated.start()
    assert group_of(delegated, "c1") == group
    delegated.docker("update", "-m", "32m", "--memory-swap", "32m", "c1")
    assert (group / "memory.max").read_text() == f"{32 << 20}\n"
    assert delegated.out("exec", "c1", "echo", "runs") == "runs"


def test_nothing_outside_of_the_delegated_group_is_changed(delegated):
    name = f"evil-{delegated.user}"
    script = f"find /host -type d | while read d; do mkdir $d/{name} 2>/dev/null; done; true"
    delegated.docker("run", "--rm", "--privileged", "-v", "/sys/fs/cgroup:/host", "busybox",
                     "sh", "-c", script)  # fmt: skip
    made = [Path(path) for path, _, _ in os.walk(ROOT) if os.path.basename(path) == name]
    parent = ROOT / delegated.user
    assert [path for path in made if parent not in path.parents] == []
    for path in made:
        path.rmdir()
