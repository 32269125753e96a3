"""`delete`: only what has stopped, unless forced; and what a killed creator has left."""

import json
import os
import signal
import subprocess

from baleen.linux.cgroup import detect


def test_a_running_container_is_deleted_by_force_only(runtime):
    runtime.configure("sleep", "100")
    runtime.create()
    runtime("start", "c1")
    pid = runtime.pid()
    runtime("delete", "c1", code=1)
    assert "cannot delete container c1 that is not stopped: running" in runtime.errors
    runtime("delete", "--force", "c1")
    runtime.wait(pid)
    runtime("state", "c1", code=1)
    assert "container does not exist" in runtime.errors
    runtime("delete", "--force", "c1")


def test_a_created_one_has_nothing_to_lose(runtime):
    runtime.configure("true")
    runtime.create()
    runtime("delete", "c1")
    assert os.listdir(runtime.root) == []


def test_a_paused_one_can_be_deleted_by_force(runtime):
    runtime.configure("sleep", "100")
    runtime.create()
    runtime("start", "c1")
    runtime("pause", "c1")
    runtime("delete", "-f", "c1")


def test_what_a_creator_that_was_killed_has_left_is_deleted(runtime):
    # It blocks as it connects to a socket whose queue is full, so after that nothing is there; and
    # as it opens a FIFO instead of its pid file, when all is.
    runtime.configure("sleep", "100")
    blocked = runtime.bundle / "pid"
    command = runtime.command("create", "-b", str(runtime.bundle), "c1")
    process = subprocess.Popen([*command[:-1], "c1"], stdout=subprocess.DEVNULL)
    process.send_signal(signal.SIGKILL)
    process.wait()
    # Whenever that was: nothing, a leftover, or a whole container; each can be deleted.
    runtime("delete", "--force", "c1")
    assert not blocked.exists()
    assert detect().open(f"{runtime.group}/c1").pids() == []


def test_an_unreadable_state_is_removed_by_force(runtime):
    os.makedirs(f"{runtime.root}/c1")
    with open(f"{runtime.root}/c1/state.json", "w", encoding="utf-8") as file:
        file.write("{")
    runtime("delete", "c1", code=1)
    assert "is not JSON" in runtime.errors
    assert json.loads(runtime("list", "-f", "json")) is None
    runtime("delete", "--force", "c1")
