"""R26: entries of /proc and /sys that leak or damage the host are masked or read-only."""

from __future__ import annotations

from pathlib import Path

import pytest
from attack_lab import run

pytestmark = pytest.mark.integration

WRITTEN = (
    "/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe",
    "/proc/sys/vm/panic_on_oom", "/proc/sys/kernel/panic", "/proc/irq/default_smp_affinity",
    "/proc/acpi/x", "/proc/scsi/scsi", "/proc/asound/x", "/proc/bus/x",
    "/proc/fs/x", "/sys/kernel/uevent_helper", "/sys/power/state", "/sys/fs/cgroup/x",
    "/sys/fs/cgroup/memory/x", "/sys/kernel/mm/transparent_hugepage/enabled",
)  # fmt: skip
READ = (
    "/proc/kcore", "/proc/keys", "/proc/interrupts", "/proc/timer_list", "/proc/latency_stats",
    "/proc/sched_debug",
)  # fmt: skip
LISTED = ("/sys/firmware", "/sys/devices/virtual/powercap", "/proc/acpi", "/proc/scsi")


def test_nothing_can_be_written(engine):
    pattern = Path("/proc/sys/kernel/core_pattern").read_text()
    for path in WRITTEN:
        code, text = run(engine, "sh", "-c", f"echo b > {path}")
        assert code != 0, (path, text)
    assert Path("/proc/sys/kernel/core_pattern").read_text() == pattern


def test_what_is_masked_looks_empty(engine):
    text = run(engine, "cat", *[p for p in READ if Path(p).exists()])[1]
    # AppArmor, where it is at work, refuses this one before the mask is seen.
    assert text in ("", "cat: can't open '/proc/kcore': Permission denied\n")
    present = [path for path in LISTED if Path(path).exists()]
    assert run(engine, "find", *present, "-mindepth", "1")[1] == ""


def test_root_inside_gets_around_neither(engine):
    """Also with the right to mount, a mask cannot be taken off what is seen already."""
    script = """
        mkdir -p /a /b
        mount --bind /proc /a 2>/dev/null; mount -t proc proc /b 2>/dev/null
        mount -o remount,rw /proc/sys 2>/dev/null; umount /proc/sys /proc/kcore 2>/dev/null
        for f in /a /b /proc; do
            echo core > $f/sys/kernel/core_pattern && echo written
            head -c1 $f/kcore
        done 2>/dev/null
    """
    assert run(engine, "sh", "-c", script)[1] == ""


def test_exec_sees_the_same(engine):
    engine.docker("run", "-d", "--name", "box", "busybox", "sleep", "1000")
    for path in WRITTEN[:4]:
        assert engine.fails("exec", "box", "sh", "-c", f"echo b > {path}")
    assert engine.out("exec", "box", "cat", "/proc/keys") == ""
