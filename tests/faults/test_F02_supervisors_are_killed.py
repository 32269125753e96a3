"""F02: kill -9 of the shims of ten containers, with a daemon and without."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest
from bed import wait_until

pytestmark = pytest.mark.integration

COUNT = 10


def start(engine) -> dict[str, int]:
    """Return each container's name with the pid of its shim."""
    found = {}
    for number in range(COUNT):
        name = f"box{number}"
        engine.docker("run", "-d", "--name", name, "-p", "80", "busybox", "sleep", "1000")
        text = Path(f"/proc/{engine.state(name)['Pid']}/stat").read_text()
        found[name] = int(text.rpartition(")")[2].split()[1])
    return found


def check_ended(engine, since: float) -> None:
    for number in range(COUNT):
        state = wait_until(
            "the container has ended",
            lambda number=number: (s := engine.state(f"box{number}"))["Status"] == "exited" and s,
            timeout_s=5.0,
        )
        assert (state["ExitCode"], state["Pid"], state["Running"]) == (137, 0, False)
    until = time.time() + 0.1
    text = engine.api("GET", f"/events?since={since:.3f}&until={until:.3f}").body
    died = [json.loads(line)["Actor"]["ID"] for line in text.splitlines() if b'"die"' in line]
    assert len(died) == len(set(died)) == COUNT
    for number in range(COUNT):
        engine.docker("start", f"box{number}")
        engine.docker("rm", "-f", f"box{number}")


def test_while_the_daemon_runs(engine):
    supervisors = start(engine)
    since = time.time()
    for pid in set(supervisors.values()):
        os.kill(pid, signal.SIGKILL)
    check_ended(engine, since)


def test_while_there_is_no_daemon(engine):
    supervisors = start(engine)
    engine.kill9()
    for pid in set(supervisors.values()):
        os.kill(pid, signal.SIGKILL)
    since = time.time()
    engine.start()
    check_ended(engine, since)
