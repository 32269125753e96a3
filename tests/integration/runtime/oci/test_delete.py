"""`delete`: only what has stopped, unless forced; and what a killed creator has left."""

import json
import os
import subprocess

from bed import wait_until

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
    runtime.configure("sleep", "100")
    group = detect().open(f"{runtime.group}/c1")
    command = runtime.command("create", "-b", str(runtime.bundle), "c1")
    found = set()

    def kill_when_it_has_processes():
        with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
            while not group.pids() and process.poll() is None:
                pass
            process.kill()
        done = subprocess.run(runtime.command("state", "c1"), capture_output=True, check=False)
        found.add(json.loads(done.stdout)["status"] if done.returncode == 0 else "none")
        runtime("delete", "--force", "c1")
        assert os.listdir(runtime.root) == []
        assert not any(os.path.exists(directory) for directory in runtime.directories_of(group))
        return "stopped" in found

    # That moment is before it is complete, unless we were slow to see it.
    wait_until("a creation is interrupted", kill_when_it_has_processes, timeout_s=30)


def test_an_unreadable_state_is_removed_by_force(runtime):
    os.makedirs(f"{runtime.root}/c1")
    with open(f"{runtime.root}/c1/state.json", "w", encoding="utf-8") as file:
        file.write("{")
    runtime("delete", "c1", code=1)
    assert "is not JSON" in runtime.errors
    assert json.loads(runtime("list", "-f", "json")) is None
    runtime("delete", "--force", "c1")
