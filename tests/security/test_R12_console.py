"""R12 (runc CVE-2025-52565): /dev/pts/N is replaced before it is bound onto /dev/console.

The runtime never takes a terminal by its name: the slave comes from the master (TIOCGPTPEER) and is
bound by its descriptor. Here a racer has the /dev in which all of that happens.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from attack_lab import run
from racing import flipping, repeat
from test_R11_mask_sources import devices

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

STARTS = 300
HOST_FILES = ("/proc/sys/kernel/core_pattern", "/proc/sys/vm/overcommit_memory")
# A fresh pty (major 136, 0x88), the one that the streams are: by number, and as a directory entry.
SCRIPT = """
stat -L -c '%t:%T' /proc/self/fd/0
stat -c '%F %t:%T' /dev/console
grep -c ' - proc ' /proc/self/mountinfo
grep ' - proc ' /proc/self/mountinfo | grep -vc ' /proc'
echo 1 > /dev/console
"""


def starts_with_a_terminal(engine, dev: Path | None) -> str:
    binds = {"Binds": [f"{dev}:/dev"]} if dev else {}
    code, text = run(engine, "sh", "-c", SCRIPT, NetworkMode="none", **binds)
    if code == -1:
        return "refused"
    number, console, _, elsewhere = text.splitlines()[:4]
    assert number.startswith("88:"), text
    assert elsewhere == "0", "a part of /proc is mounted outside of it"
    return "console" if console == f"character special file {number}" else console


@pytest.fixture
def host_files():
    before = [Path(path).read_text() for path in HOST_FILES]
    yield
    assert [Path(path).read_text() for path in HOST_FILES] == before


def test_console_is_always_the_fresh_terminal(engine, tmp_path, host_files):
    dev = devices(tmp_path / "dev")
    os.mknod(dev / "null", 0o20666, os.makedev(1, 3))
    (dev / "console").touch()
    (dev / "pts-evil").symlink_to("/proc/sys/kernel")
    (dev / "pts-else").mkdir()
    (dev / "pts-else" / "0").symlink_to("/proc/sys/kernel/core_pattern")
    with flipping(engine, dev, [("pts", "pts-evil"), ("pts", "pts-else")]):
        results = repeat(STARTS, lambda _: starts_with_a_terminal(engine, dev))
    assert set(results) == {"console", "refused"}
    shutil.rmtree(dev)


def test_a_console_that_is_renamed_is_never_a_file_of_proc(engine, tmp_path, host_files):
    """Whoever has the directory may rename what is in it, also later; a mount goes along."""
    dev = devices(tmp_path / "dev")
    os.mknod(dev / "null", 0o20666, os.makedev(1, 3))
    (dev / "console").touch()
    (dev / "evil").symlink_to("/proc/sys/vm/overcommit_memory")
    with flipping(engine, dev, [("console", "evil")]):
        results = repeat(60, lambda _: starts_with_a_terminal(engine, dev))
    own = {"regular empty file 0:0", "regular file 0:0", "symbolic link 0:0"}
    assert set(results) <= {"console", "refused", *own}
    shutil.rmtree(dev)


@pytest.mark.parametrize("target", ["/proc/sysrq-trigger", "/dev/full", "../../../../etc/passwd"])
def test_a_link_for_console(engine, tmp_path, host_files, target):
    dev = devices(tmp_path / "dev")
    os.mknod(dev / "null", 0o20666, os.makedev(1, 3))
    (dev / "console").symlink_to(target)
    assert starts_with_a_terminal(engine, dev) in ("refused", "console")
    assert os.readlink(dev / "console") == target


def test_a_shared_directory_for_pts_gives_no_terminal(engine, tmp_path, host_files):
    """It is no devpts: no terminal can be opened in it, whatever its ptmx is."""
    pts = tmp_path / "pts"
    pts.mkdir()
    os.mknod(pts / "ptmx", 0o20666, os.makedev(5, 2))
    (pts / "0").symlink_to("/proc/sys/kernel/core_pattern")
    (pts / "evil").symlink_to("/proc/sys/kernel/core_pattern")
    with flipping(engine, pts, [("ptmx", "evil")]):
        for _ in range(10):
            code, message = run(engine, "sh", "-c", SCRIPT, Binds=[f"{pts}:/dev/pts"])
            assert code == -1
            assert "terminal" in message
    shutil.rmtree(pts)


def test_without_a_race_the_terminal_is_the_first(engine, host_files):
    assert starts_with_a_terminal(engine, None) == "console"
