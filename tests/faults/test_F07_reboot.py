"""F07: after a reboot of the host the exec root is empty and only the data is left."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
from pathlib import Path

import leaks
import pytest
from bed import wait_until

pytestmark = pytest.mark.integration


def reboot(engine) -> None:
    """End all processes of the engine and empty what lies in memory on a real host."""
    engine.kill9()
    for pid in leaks.take(engine.place, None).processes:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    wait_until("all are gone", lambda: not leaks.take(engine.place, None).processes)
    for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
        if (point := line.split()[4]).startswith(str(engine.place.exec_root)):
            subprocess.run(["umount", "-l", point], check=True)
    shutil.rmtree(engine.place.exec_root)
    for directory in leaks.take(engine.place, None).cgroups:
        for path, _, _ in os.walk(directory, topdown=False):
            # A process that is dying is not shown any more, and holds its group for a moment.
            wait_until("the control group is empty", lambda path=path: removed(path))
    engine.inside("nft", "flush", "ruleset")
    for link in leaks.take(engine.place, None).links - {"lo", "uplink"}:
        engine.inside("ip", "link", "delete", link, check=False)


def removed(path: str) -> bool:
    try:
        os.rmdir(path)
    except OSError as err:
        if err.errno != errno.EBUSY:
            raise
        return False
    return True


def test_what_has_a_policy_starts_again_and_the_rest_is_clean(engine):
    engine.docker("network", "create", "net")
    for name, flags in (
        ("always", ["--restart", "always", "-p", "8080:80", "--network", "net"]),
        ("unless", ["--restart", "unless-stopped", "-v", "vol:/v"]),
        ("stopped", ["--restart", "unless-stopped"]),
        ("plain", ["--ipc", "shareable"]),
        ("gone", ["--rm"]),
    ):
        engine.docker(
            "run", "-d", "--name", name, *flags, "busybox", "sh", "-c",
            "mkdir -p /www; echo up > /www/index.html; httpd -f -p 80 -h /www",
        )  # fmt: skip
    engine.docker("stop", "-t", "0", "stopped")
    engine.docker("create", "--name", "new", "busybox", "true")
    reboot(engine)
    engine.start()
    engine.wait_for_status("always", "running")
    engine.wait_for_status("unless", "running")
    wait_until("the port is served", lambda: engine.fetch("172.17.0.1", 8080) == "up\n")
    for name in ("plain", "stopped"):
        state = engine.state(name)
        assert (state["Status"], state["Pid"]) == ("exited", 0), name
    assert engine.state("new")["Status"] == "created"
    wait_until("--rm is honoured", lambda: engine.api("GET", "/containers/gone/json").status == 404)
    for name in ("plain", "stopped"):
        engine.docker("start", name)
        assert engine.out("exec", name, "echo", "again") == "again"


def test_who_shares_a_network_starts_after_its_owner(engine):
    engine.docker("run", "-d", "--restart", "always", "--name", "owner", "busybox", "sleep", "1000")
    engine.docker(
        "run", "-d", "--restart", "always", "--name", "guest", "--network", "container:owner",
        "busybox", "sleep", "1000",
    )  # fmt: skip
    for _ in range(2):
        reboot(engine)
        engine.start()
        engine.wait_for_status("owner", "running")
        engine.wait_for_status("guest", "running")
