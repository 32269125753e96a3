"""R31, F16, F17: limits hold for all that a container starts, and nobody else is hurt."""

from __future__ import annotations

import json
import threading
import time

import leaks
import pytest
from attack_lab import within
from bed import wait_until

from baleen.linux.capabilities import CAPABILITIES, capget

pytestmark = pytest.mark.integration


def test_a_fork_bomb_hurts_only_its_container(engine):
    engine.docker("run", "-d", "--name", "good", "busybox", "sleep", "1000")
    engine.docker(
        "run", "-d", "--name", "bomb", "--pids-limit", "64", "busybox", "sh", "-c",
        "(while :; do sleep 1000 & done) 2>/dev/null & exec sleep 1000",
    )  # fmt: skip

    def pids():
        answer = engine.api("GET", "/containers/bomb/stats?stream=0&one-shot=1").json()
        return answer["pids_stats"]

    found = wait_until(
        "the bomb is at its limit", lambda: (p := pids()).get("current", 0) > 60 and p
    )
    assert found["limit"] == 64
    assert found["current"] <= 64
    slowest = 0.0
    for _ in range(20):
        started = time.monotonic()
        assert engine.api("GET", "/containers/json").status == 200
        slowest = max(slowest, time.monotonic() - started)
    assert slowest < 0.5
    with within(2.0):
        assert engine.out("exec", "good", "echo", "here") == "here"
    with within(4.0):
        assert engine.api("POST", "/containers/bomb/kill").status == 204
        assert engine.state("bomb")["Running"] is False


@pytest.mark.parametrize(
    "command",
    [
        "tail -c 200m /dev/zero > /dev/null",  # anonymous memory: tail keeps what it will print
        "cat /dev/zero > /shm/x",
        "cat /dev/zero > /dev/shm/x",
    ],
)
def test_memory_of_every_kind_counts(engine, command):
    """A process's own memory, a tmpfs and the shared one."""
    since = time.time()
    engine.docker(
        "run", "--name", "hog", "-m", "32m", "--memory-swap", "32m", "--shm-size", "1g",
        "--tmpfs", "/shm:size=1g", "busybox", "sh", "-c", command, check=False,
    )  # fmt: skip
    state = engine.state("hog")
    assert (state["OOMKilled"], state["ExitCode"]) == (True, 137), state
    text = engine.api("GET", f"/events?since={since:.3f}&until={time.time() + 0.2:.3f}").body
    events = [json.loads(line)["Action"] for line in text.splitlines()]
    # Several processes may have to go; each notice is one event.
    assert 1 <= events.count("oom") <= (1 if "tail" in command else 3), events
    assert events.index("oom") < events.index("die")
    assert events.count("die") == 1


def test_the_page_cache_is_given_back_instead(engine):
    done = engine.docker(
        "run", "--rm", "-m", "32m", "--memory-swap", "32m", "busybox", "sh", "-c",
        "dd if=/dev/zero of=/file bs=1M count=100 2>/dev/null && echo written",
    )  # fmt: skip
    assert done.stdout == "written\n"


def test_an_exec_that_is_killed_for_memory_leaves_the_container(engine):
    engine.docker(
        "run", "-d", "--name", "box", "-m", "32m", "--memory-swap", "32m", "busybox",
        "sleep", "1000",
    )  # fmt: skip
    done = engine.docker("exec", "box", "sh", "-c", "tail -c 200m /dev/zero", check=False)
    assert done.returncode in (1, 137)
    assert engine.state("box")["Running"] is True
    filters = '{"event":["oom"],"container":["box"]}'
    until = time.time() + 0.5
    text = engine.api("GET", f"/events?since=0&until={until:.3f}&filters={filters}").body
    assert len(text.splitlines()) == 1


def test_the_daemon_is_not_the_first_to_be_killed(engine):
    if not capget()[1] >> CAPABILITIES["CAP_SYS_RESOURCE"] & 1:
        pytest.skip("needs CAP_SYS_RESOURCE to lower oom_score_adj")
    daemon = [engine.pid, *leaks.children_of(engine.pid)]
    for pid in daemon:
        with open(f"/proc/{pid}/oom_score_adj", encoding="ascii") as file:
            assert int(file.read()) <= -500
    engine.docker("run", "-d", "--name", "box", "busybox", "sleep", "1000")
    with open(f"/proc/{engine.state('box')['Pid']}/oom_score_adj", encoding="ascii") as file:
        assert int(file.read()) == 0


def test_a_flood_of_descriptors_stays_inside(engine):
    engine.docker("run", "-d", "--name", "good", "busybox", "sleep", "1000")
    engine.docker(
        "run", "-d", "--name", "flood", "--pids-limit", "30", "--ulimit", "nofile=4000:4000",
        "busybox", "sh", "-c",
        "i=3; while [ $i -lt 3900 ]; do eval \"exec $i</dev/null\" 2>/dev/null || break; "
        "i=$((i+1)); done; echo full; sleep 1000",
    )  # fmt: skip
    answers = []
    thread = threading.Thread(target=lambda: answers.append(engine.out("exec", "good", "id")))
    thread.start()
    thread.join(5)
    assert answers
    engine.docker("kill", "flood")
