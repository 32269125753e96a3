"""R11 (runc CVE-2025-31133): what a mask is made of is replaced by a link.

Files of /proc are masked by binding /dev/null over them. With /dev in a volume, and null there a
link to core_pattern, a runtime that takes "/dev/null" by name binds core_pattern, writable, over a
masked file. The runtime takes char 1:3 and nothing else; see
`tests/integration/runtime/launch/test_mounts.py` for each false source alone.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from attack_lab import run
from racing import flipping, repeat

pytestmark = pytest.mark.integration

PATTERN = Path("/proc/sys/kernel/core_pattern")
MASKED = [
    path
    for path in ("/proc/keys", "/proc/interrupts", "/proc/timer_list", "/proc/kcore")
    if Path(path).exists()
]
# For each masked file what it is, then what can be written through it and to core_pattern.
SCRIPT = f"""
exec 2>&-
for path in {" ".join(MASKED)}; do
    stat -c '%n %F %t:%T' $path
    head -c 20 $path
    echo '|/bin/evil' > $path
done
echo '|/bin/evil' > /proc/sys/kernel/core_pattern && echo WRITTEN
true
"""
EXPECTED = "".join(f"{path} character special file 1:3\n" for path in MASKED)
LINKS = {
    "core_pattern": "/proc/sys/kernel/core_pattern",
    "sysrq": "/proc/sysrq-trigger",
    "full": "/dev/full",
    "climb": "../../../../../../proc/sys/kernel/core_pattern",
    "fd": "/proc/self/fd/0",
    "itself": "/dev/null",
}


def devices(path: Path) -> Path:
    """Make a directory that has in it what a program needs of a /dev."""
    path.mkdir()
    for name, minor in (("zero", 5), ("full", 7), ("random", 8), ("urandom", 9), ("real", 3)):
        os.mknod(path / name, 0o20666, os.makedev(1, minor))
    (path / "pts").mkdir()
    (path / "shm").mkdir()
    (path / "mqueue").mkdir()
    return path


def check(engine, dev: Path) -> str:
    """Run with that /dev: the mask is real, or there is no start. Returns which."""
    code, text = run(engine, "sh", "-c", SCRIPT, Binds=[f"{dev}:/dev"], config={"Tty": False})
    assert "WRITTEN" not in text
    if code == -1:
        return "refused"
    assert text == EXPECTED, text
    return "masked"


@pytest.mark.parametrize("name", LINKS)
def test_a_link_for_null(engine, tmp_path, name):
    before = PATTERN.read_text()
    dev = devices(tmp_path / "dev")
    (dev / "null").symlink_to(LINKS[name])
    check(engine, dev)
    assert PATTERN.read_text() == before


def test_a_file_a_fifo_a_directory_or_another_device_for_null(engine, tmp_path):
    before = PATTERN.read_text()
    for number, make in enumerate(
        (
            lambda path: path.write_text("not null"),
            os.mkfifo,
            os.mkdir,
            lambda path: os.mknod(path, 0o20666, os.makedev(1, 5)),
            lambda path: os.mknod(path, 0o60666, os.makedev(1, 3)),
        )
    ):
        dev = devices(tmp_path / f"dev{number}")
        make(dev / "null")
        assert check(engine, dev) in ("masked", "refused")
    assert PATTERN.read_text() == before


def test_a_racer_that_flips_null(engine, tmp_path):
    before = PATTERN.read_text()
    dev = devices(tmp_path / "dev")
    os.mknod(dev / "null", 0o20666, os.makedev(1, 3))
    (dev / "evil").symlink_to("/proc/sys/kernel/core_pattern")
    with flipping(engine, dev, [("null", "evil")]):
        results = repeat(60, lambda _: check(engine, dev))
    assert "masked" in results
    assert PATTERN.read_text() == before
    shutil.rmtree(dev)
