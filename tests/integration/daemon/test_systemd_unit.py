"""`packaging/baleend.service` under a real systemd: what it may restart, and what it leaves alone.

Needs systemd as the first process; `tools/test-vm --systemd` has a machine with that.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from bed import Bed, wait_until

UNIT_FILE = Path(__file__).parents[3] / "packaging/baleend.service"
UNITS = Path("/run/systemd/system")

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not UNITS.is_dir(), reason="systemd is not the first process"),
]


def systemctl(*arguments: str) -> str:
    done = subprocess.run(
        ["systemctl", *arguments], capture_output=True, text=True, check=False, timeout=200
    )
    journal = ["journalctl", "-n", "50", "--no-pager"]
    if done.returncode:
        log = subprocess.run(journal, capture_output=True, text=True, check=False).stdout
        pytest.fail(f"systemctl {' '.join(arguments)}: {done.stderr}\n{log}")
    return done.stdout.strip()


class UnitBed(Bed):
    """A daemon that systemd starts and stops; its unit is the packaged one, with other roots."""

    @property
    def unit(self) -> str:
        return f"baleend-{self.netns}.service"

    def start(self) -> None:
        text = UNIT_FILE.read_text().replace("@BIN@", str(Path(sys.executable).parent))
        flags = [
            f"--data-root={self.place.data_root}",
            f"--exec-root={self.place.exec_root}",
            f"--pidfile={self.directory / 'baleend.pid'}",
            f"--cgroup-parent={self.place.cgroup_parent}",
            f"--exec-opt=native.cgroupdriver={self.cgroup_driver}",
            "--bridge=baleen0",
            f"-H={self.host}",
        ]
        assert "bin/baleend\n" in text
        text = text.replace("bin/baleend\n", f"bin/baleend {' '.join(flags)}\n")
        text = text.replace(
            "[Service]\n", f"[Service]\nNetworkNamespacePath=/run/netns/{self.netns}\n"
        )
        (UNITS / self.unit).write_text(text)
        systemctl("daemon-reload")
        systemctl("start", self.unit)  # Type=notify: it answers when this returns

    def stop(self) -> int:
        systemctl("stop", self.unit)
        return 0

    def close(self) -> None:
        try:
            self.remove_everything()
        finally:
            systemctl("stop", self.unit)
            (UNITS / self.unit).unlink()
            systemctl("daemon-reload")
            super().close()


@pytest.fixture
def bed():
    bed = UnitBed(Path("/tmp") / f"b{os.urandom(3).hex()}")
    try:
        bed.open()
        yield bed
    finally:
        bed.close()


def test_containers_and_their_limits_outlive_the_unit_and_reloads(bed):
    bed.docker("run", "-d", "--name", "box", "--memory", "64m", "busybox", "sleep", "1000")
    before = bed.state("box")["Pid"]
    group = Path(f"/proc/{before}/cgroup").read_text()

    def limit() -> str:
        place = bed.place.cgroup_parent + "/" + bed.inspect("box")["Id"]
        for file in (f"{place}/memory.max", f"/memory{place}/memory.limit_in_bytes"):
            if (found := Path(f"/sys/fs/cgroup{file}")).exists():
                return found.read_text().strip()
        return "no group"

    def as_before() -> bool:
        state = bed.state("box")
        assert (state["Pid"], limit()) == (before, str(64 << 20))
        return Path(f"/proc/{before}/cgroup").read_text() == group

    # Another unit comes and goes with limits of its own: systemd changes controllers at the root.
    subprocess.run(
        ["systemd-run", "--wait", "--quiet", "-p", "MemoryMax=50M", "-p", "CPUWeight=7", "true"],
        check=True,
        timeout=100,
    )
    systemctl("daemon-reload")
    assert as_before()
    systemctl("restart", bed.unit)
    assert as_before()
    systemctl("stop", bed.unit)
    os.kill(before, 0)
    systemctl("start", bed.unit)
    assert as_before()
    assert bed.out("exec", "box", "echo", "on") == "on"
    bed.docker("rm", "-f", "box")
    wait_until("its group is gone", lambda: not Path(f"/proc/{before}").exists())


def test_a_daemon_that_is_killed_is_started_again_and_finds_its_containers(bed):
    bed.docker("run", "-d", "--name", "box", "busybox", "sleep", "1000")
    before = bed.state("box")["Pid"]
    old = systemctl("show", "--property=MainPID", "--value", bed.unit)
    systemctl("kill", "--signal=KILL", "--kill-whom=main", bed.unit)
    wait_until(
        "systemd starts it again",
        lambda: systemctl("show", "--property=MainPID", "--value", bed.unit) not in (old, "0"),
        timeout_s=60,
    )
    wait_until(
        "it answers", lambda: bed.docker("version", check=False).returncode == 0, timeout_s=60
    )
    assert bed.state("box")["Pid"] == before
