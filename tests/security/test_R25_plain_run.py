"""R25: what a plain `run` gives, and what --privileged and --cap-* change, line by line.

The table is that of Docker's defaults; the runtime's own share is in
`tests/integration/runtime/launch/test_plain_run.py`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from attack_lab import lines, run

from baleen.linux.lsm import apparmor_is_enabled, selinux_is_enabled

pytestmark = pytest.mark.integration

DEFAULT = 0x00000000A80425FB
MASKED = (
    "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys",
    "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list",
    "/proc/timer_stats", "/sys/firmware", "/sys/devices/virtual/powercap",
)  # fmt: skip
READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


def status(engine, **host):
    code, text = run(engine, "cat", "/proc/self/status", **host)
    assert code == 0, text
    return lines(text)


def capability_sets(found):
    return [int(found[name], 16) for name in ("CapBnd", "CapPrm", "CapEff", "CapInh", "CapAmb")]


def mounts(engine, **host):
    code, text = run(engine, "cat", "/proc/self/mounts", **host)
    assert code == 0
    return {
        fields[1]: (fields[2], set(fields[3].split(",")))
        for fields in (line.split() for line in text.splitlines())
    }


def test_capabilities(engine):
    found = status(engine)
    assert capability_sets(found) == [DEFAULT, DEFAULT, DEFAULT, 0, 0]
    assert (found["NoNewPrivs"], found["Seccomp"]) == ("0", "2")
    found = status(engine, config={"User": "1000"})
    assert capability_sets(found) == [DEFAULT, 0, 0, 0, 0]
    found = status(engine, CapDrop=["ALL"])
    assert capability_sets(found) == [0, 0, 0, 0, 0]
    found = status(engine, CapDrop=["ALL"], CapAdd=["NET_RAW", "CAP_CHOWN"])
    assert capability_sets(found)[:3] == [1 << 13 | 1] * 3
    found = status(engine, CapAdd=["ALL"])
    own = int(lines(Path("/proc/self/status").read_text())["CapBnd"], 16)
    assert capability_sets(found)[:3] == [own] * 3
    assert found["Seccomp"] == "2"


def test_privileged(engine):
    found = status(engine, Privileged=True)
    own = int(lines(Path("/proc/self/status").read_text())["CapBnd"], 16)
    assert capability_sets(found) == [own, own, own, 0, 0]
    assert (found["NoNewPrivs"], found["Seccomp"]) == ("0", "0")
    table = mounts(engine, Privileged=True)
    assert "rw" in table["/sys"][1]
    assert not set(table) & {*MASKED, *READ_ONLY}


def test_mounts(engine):
    table = mounts(engine)
    assert table["/"][0] == "overlay"
    for place, kind, flags in (
        ("/proc", "proc", {"rw", "nosuid", "nodev", "noexec"}),
        ("/dev", "tmpfs", {"rw", "nosuid", "size=65536k", "mode=755"}),
        ("/dev/pts", "devpts", {"rw", "nosuid", "noexec", "gid=5", "mode=620", "ptmxmode=666"}),
        ("/sys", "sysfs", {"ro", "nosuid", "nodev", "noexec"}),
        ("/dev/mqueue", "mqueue", {"rw", "nosuid", "nodev", "noexec"}),
        ("/dev/shm", "tmpfs", {"rw", "nosuid", "nodev", "noexec", "size=65536k"}),
    ):
        assert table[place][0] == kind, place
        assert flags <= table[place][1], (place, table[place])
    assert {"/etc/resolv.conf", "/etc/hostname", "/etc/hosts"} <= set(table)
    for place, (_, flags) in table.items():
        if place.startswith("/sys"):
            assert "ro" in flags, place
    for place in READ_ONLY:
        if not Path(place).exists():  # this kernel was built without it
            continue
        assert "ro" in table[place][1], place
    text = run(engine, "cat", "/proc/self/mountinfo")[1]
    assert "shared:" not in text
    assert "master:" not in text


def test_the_security_module_confines_it(engine):
    """The profile of AppArmor where that is at work; without a module there is no label to read."""
    script = "cat /proc/self/attr/current 2>/dev/null; cat /proc/1/attr/current 2>/dev/null"
    at_work = apparmor_is_enabled() and Path("/sys/kernel/security/apparmor").is_dir()
    expected, everything = [], []
    if at_work:
        expected, everything = ["docker-default (enforce)"] * 2, ["unconfined"] * 2
    elif selinux_is_enabled():
        pytest.skip("labels of SELinux are the daemon's option: integration/engine/test_selinux.py")
    assert run(engine, "sh", "-c", script)[1].splitlines() == expected
    assert run(engine, "sh", "-c", script, Privileged=True)[1].splitlines() == everything
    found = run(engine, "sh", "-c", script, SecurityOpt=["apparmor=unconfined"])[1].splitlines()
    assert found == everything


def test_namespaces_are_its_own(engine):
    text = run(engine, "sh", "-c", "cd /proc/self/ns; for n in *; do readlink $n; done")[1]
    own = {name: os.readlink(f"/proc/self/ns/{name}") for name in os.listdir("/proc/self/ns")}
    for name in ("mnt", "net", "uts", "pid", "ipc"):
        assert own[name] not in text, name
    assert own["user"] in text


def test_devices(engine):
    text = run(engine, "sh", "-c", "cd /dev; for n in *; do stat -c '%n %t:%T %a %F' $n; done")[1]
    nodes = {line.split()[0]: line.split(None, 2)[1:] for line in text.splitlines()}
    assert set(nodes) - {"console", "core"} == {
        "null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm", "mqueue",
        "fd", "stdin", "stdout", "stderr",
    }  # fmt: skip
    for name, number in (
        ("null", "1:3"), ("zero", "1:5"), ("full", "1:7"), ("random", "1:8"), ("urandom", "1:9"),
        ("tty", "5:0"),
    ):  # fmt: skip
        assert nodes[name] == [number, "666 character special file"], name


def test_the_process(engine):
    found = status(engine)
    assert found["Umask"] == "0022"
    assert int(found["SigBlk"], 16) == 0
    # 32 and 33 are the C library's own; posix_spawn leaves them ignored, whatever it is told.
    assert int(found["SigIgn"], 16) & ~(1 << 31 | 1 << 32) == 0
    text = run(
        engine, "sh", "-c",
        "cat /proc/self/oom_score_adj /proc/sys/net/ipv4/ip_unprivileged_port_start "
        "/proc/sys/net/ipv4/ping_group_range; env | sort | cut -d= -f1",
        config={"Tty": False},
    )[1]  # fmt: skip
    for word in ("0", "2147483647", "HOME", "HOSTNAME", "PATH"):
        assert word in text
    assert "PYTHON" not in text
    assert "NOTIFY" not in text


def test_system_calls(engine):
    """What the default profile refuses, asked with tools that an image has."""
    script = """
        mount -t tmpfs x /mnt 2>/dev/null && echo mount
        umount /proc 2>/dev/null && echo umount
        unshare -m true 2>/dev/null && echo unshare
        nsenter -t 1 -n true 2>/dev/null && echo setns
        hostname changed 2>/dev/null && echo sethostname
        swapon /dev/null 2>/dev/null && echo swapon
        chroot / true && echo chroot-works
        pivot_root / / 2>/dev/null && echo pivot_root
    """
    assert run(engine, "sh", "-c", script)[1].split() == ["chroot-works"]
