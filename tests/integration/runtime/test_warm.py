"""A PID 1 made ahead: who gets it, what it is like, and that it never stays behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.integration.runtime.test_supervisor import (
    DEADLINE_S,
    host,  # noqa: F401  # a fixture
    kill_all,
    parent_of,
    running,
    wait_gone,
)

from baleen.linux.cgroup import detect
from baleen.runtime.warm_groups import remove_left_groups

pytestmark = pytest.mark.integration

PARENT = "/baleen-test"


def warm_ones(shim: int) -> list[int]:
    found = []
    for pid in Path(f"/proc/{shim}/task/{shim}/children").read_text().split():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if Path(f"/proc/{pid}/comm").read_text() == "baleen-warm\n":
                found.append(int(pid))
    return found


def until(condition):
    end = time.monotonic() + DEADLINE_S
    while not (found := condition()):
        assert time.monotonic() < end
        os.sched_yield()
    return found


def ready_one(shim: int) -> int:
    """The one that waits, in its namespaces and its control group."""

    def look():
        for pid in warm_ones(shim):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                own = os.readlink(f"/proc/{pid}/ns/net") != os.readlink(f"/proc/{shim}/ns/net")
                if own and (detect().version == 2 or groups_ahead()):
                    return pid
        return 0

    return until(look)


def groups_ahead() -> list[str]:
    return [path for path in detect().below(PARENT) if ".baleen-warm-" in path]


def groups_of(pid: int) -> set[str]:
    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    return {line.split(":", 2)[2] for line in lines}


def test_the_next_container_is_it(host):  # noqa: F811
    (first,) = running(host, 1)
    shim = parent_of(first.pid)
    ahead = ready_one(shim)
    (second,) = running(host, 1)
    assert second.pid == ahead
    assert parent_of(second.pid) == shim
    assert groups_of(second.pid) & groups_of(first.pid) == set()
    until(lambda: groups_of(second.pid) == {host.cgroups[-1]})  # the unified one comes late
    for kind in ("net", "mnt", "uts", "ipc", "pid"):
        names = {os.readlink(f"/proc/{pid}/ns/{kind}") for pid in (first.pid, second.pid, shim)}
        assert len(names) == 3, kind
    kill_all([first, second])


def test_what_it_is_like_inside(host):  # noqa: F811
    (first,) = running(host, 1)
    ahead = ready_one(parent_of(first.pid))
    container = host.container(
        [
            "/bin/sh",
            "-c",
            "echo $$; cat /proc/net/fib_trie; cat /proc/sys/kernel/hostname; ls -l /proc/1/fd",
        ]
    )
    link = container.spawn()
    assert link.call("start")["pid"] == ahead
    link.event("exited")
    text = container.log_text()
    assert text.startswith("1\n")
    assert "127.0.0.1" in text
    assert "\ntest\n" in text
    assert "socket" not in text  # no channel, no listener
    link.until_closed()
    kill_all([first])


def test_one_that_wants_other_namespaces_leaves_it_to_the_next(host):  # noqa: F811
    (first,) = running(host, 1)
    shim = parent_of(first.pid)
    ahead = ready_one(shim)
    others = running(host, 1, namespaces=["pid", "mount", "ipc", "uts"])
    assert others[0].pid != ahead
    assert os.readlink(f"/proc/{others[0].pid}/ns/net") == os.readlink(f"/proc/{shim}/ns/net")
    (second,) = running(host, 1)
    assert second.pid == ahead
    kill_all([first, second, *others])


def test_limits_hold_from_its_first_instruction(host):  # noqa: F811
    (first,) = running(host, 1)
    ahead = ready_one(parent_of(first.pid))
    (second,) = running(host, 1, resources={"pids": {"limit": 7}})
    assert second.pid == ahead
    assert detect().open(host.cgroups[-1]).stats().pids_limit == 7
    kill_all([first, second])


def test_limits_that_are_refused_end_it_and_leave_nothing(host):  # noqa: F811
    (first,) = running(host, 1)
    shim = parent_of(first.pid)
    ready_one(shim)
    container = host.container(["/bin/true"], resources={"cpu": {"cpus": "99999"}})
    answer = container.spawn().fail("start")
    assert "cpus" in answer["message"]
    assert container.cgroup not in detect().below(PARENT)
    until(lambda: not groups_ahead() or ready_one(shim))
    kill_all([first])


def test_a_start_that_is_not_asked_for_leaves_nothing(host):  # noqa: F811
    (first,) = running(host, 1)
    shim = parent_of(first.pid)
    ahead = ready_one(shim)
    container = host.container(["/bin/sleep", "1000"])
    link = container.spawn()
    link.call("state")
    link.call("destroy")
    link.until_closed()
    wait_gone(ahead)
    until(lambda: container.cgroup not in detect().below(PARENT))
    kill_all([first])


def test_what_is_mounted_after_it_was_made_is_there(host, tmp_path):  # noqa: F811
    (first,) = running(host, 1)
    ahead = ready_one(parent_of(first.pid))
    subprocess.run(["mount", "-t", "tmpfs", "none", tmp_path], check=True)
    try:
        (tmp_path / "late").write_text("seen")
        container = host.container(["/bin/cat", "/late/late"])
        path = container.bundle / "config.json"
        document = json.loads(path.read_text())
        document["mounts"].append(
            {"destination": "/late", "type": "bind", "source": str(tmp_path), "options": ["rbind"]}
        )
        path.write_text(json.dumps(document))
        link = container.spawn()
        assert link.call("start")["pid"] == ahead
        assert link.event("exited")["exit_code"] == 0
        assert container.log_text() == "seen"
        link.until_closed()
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    kill_all([first])


def test_one_that_was_killed_is_missed_by_nobody(host):  # noqa: F811
    (first,) = running(host, 1)
    ahead = ready_one(parent_of(first.pid))
    os.kill(ahead, signal.SIGKILL)
    links = [first, *running(host, 2)]
    assert ahead not in [link.pid for link in links]
    kill_all(links)


def test_a_shim_that_was_killed_takes_it_along(host):  # noqa: F811
    (first,) = running(host, 1)
    shim = parent_of(first.pid)
    ahead = ready_one(shim)
    os.kill(shim, signal.SIGKILL)
    wait_gone(ahead)
    driver = detect()

    def cleaned() -> bool:
        remove_left_groups(driver, PARENT)
        return not groups_ahead()

    until(cleaned)
