"""R28: a device node can be made, but only what is allowed can be opened."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from attack_lab import run

pytestmark = pytest.mark.integration


def disk() -> tuple[int, int]:
    """Return the numbers of a block device of this host."""
    for line in Path("/proc/partitions").read_text().splitlines()[2:]:
        major, minor, _, name = line.split()
        if Path(f"/dev/{name}").is_block_device():
            return int(major), int(minor)
    pytest.skip("this host shows no block device")


def test_a_node_of_the_hosts_disk_cannot_be_opened(engine):
    major, minor = disk()
    code, text = run(
        engine, "sh", "-c",
        f"mknod /disk b {major} {minor} && echo made; head -c1 /disk; echo x > /disk",
    )  # fmt: skip
    assert text.startswith("made\n")
    assert code != 0
    assert text.count("ermitted") == 2, text


@pytest.mark.parametrize("numbers", ["1 1", "1 11", "10 229", "10 200", "5 1000"])
def test_other_characters_neither(engine, numbers):
    """Memory, the kernel's log, fuse, tun."""
    code, text = run(engine, "sh", "-c", f"mknod /x c {numbers} && : < /x")
    assert code != 0
    assert "ermitted" in text or "annot open" in text or "can't open" in text


@pytest.mark.skipif(not os.path.exists("/dev/fuse"), reason="this host has no fuse device")
def test_a_rule_opens_exactly_what_it_says(engine):
    info = os.stat("/dev/fuse")
    major, minor = os.major(info.st_rdev), os.minor(info.st_rdev)
    for rule, read, write in (
        (f"c {major}:{minor} r", True, False),
        (f"c {major}:* rwm", True, True),
        (f"c {major + 1}:* rwm", False, False),
    ):
        _, text = run(
            engine, "sh", "-c",
            f"mknod /k c {major} {minor}; (: < /k) 2>/dev/null && echo read; "
            "(: >> /k) 2>/dev/null && echo write; true",
            DeviceCgroupRules=[rule],
        )  # fmt: skip
        assert ("read" in text, "write" in text) == (read, write), (rule, text)


def test_a_read_only_device_refuses_writes(engine):
    device = {"PathOnHost": "/dev/loop-control", "PathInContainer": "/dev/k"}
    if not os.path.exists(device["PathOnHost"]):
        pytest.skip("this host has no loop-control")
    script = "(: < /dev/k) && echo read; (: >> /dev/k) 2>/dev/null && echo write; true"
    for rights, expected in (("r", "read\n"), ("rwm", "read\nwrite\n"), ("w", "write\n")):
        _, text = run(engine, "sh", "-c", script, Devices=[{**device, "CgroupPermissions": rights}])
        assert text.endswith(expected), (rights, text)


def test_an_update_leaves_the_devices_closed(engine):
    major, minor = disk()
    engine.docker("run", "-d", "--name", "box", "busybox", "sleep", "1000")
    engine.docker("update", "-m", "64m", "--memory-swap", "64m", "--cpus", "1", "box")
    engine.docker("exec", "box", "mknod", "/disk", "b", str(major), str(minor))
    assert "ermitted" in engine.fails("exec", "box", "head", "-c1", "/disk")
    assert "ermitted" in engine.fails("exec", "--privileged", "box", "head", "-c1", "/disk")


@pytest.mark.parametrize(
    "rule", ["", "c", "c 1:3", "x 1:3 rwm", "c 1:3 rwx", "c a:3 r", "c 1:3:5 r", "c -1:3 r"]
)
def test_bad_rules_are_refused(engine, rule):
    code, text = run(engine, "true", DeviceCgroupRules=[rule])
    assert code == -1
    assert "device" in text
