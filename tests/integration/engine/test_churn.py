"""Many things at once and many times over: legal answers only, and nothing left (F18, F30)."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

import pytest
from bed import wait_until

pytestmark = pytest.mark.integration

CHURN_S = 8.0
EXEC = {"Cmd": ["true"], "AttachStdout": True}


def at_once(*calls):
    """Run the calls in threads that begin together; return their results in order."""
    barrier = threading.Barrier(len(calls))
    results = [None] * len(calls)

    def work(position, call):
        barrier.wait()
        results[position] = call()

    threads = [
        threading.Thread(target=work, args=(position, call)) for position, call in enumerate(calls)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def statuses(*calls):
    return sorted(answer.status for answer in at_once(*calls))


def test_one_name_is_given_once(engine):
    def create():
        return engine.api("POST", "/containers/create?name=same", {"Image": "busybox"})

    assert statuses(*[create] * 6) == [201, 409, 409, 409, 409, 409]


def test_a_container_is_started_once(engine):
    engine.docker("create", "--name", "once", "busybox", "sleep", "1000")
    found = statuses(*[lambda: engine.api("POST", "/containers/once/start")] * 5)
    assert found == [204, 304, 304, 304, 304]


def test_a_container_is_removed_once(engine):
    engine.docker("run", "-d", "--name", "gone", "busybox", "sleep", "1000")
    found = statuses(*[lambda: engine.api("DELETE", "/containers/gone?force=1")] * 4)
    assert found[0] == 204
    assert set(found) <= {204, 404, 409}
    assert engine.api("GET", "/containers/gone/json").status == 404


def test_start_against_removal_has_one_legal_end(engine):
    for number in range(10):
        name = f"race{number}"
        engine.docker("create", "--name", name, "busybox", "sleep", "1000")
        start, remove = at_once(
            lambda name=name: engine.api("POST", f"/containers/{name}/start"),
            lambda name=name: engine.api("DELETE", f"/containers/{name}?force=1"),
        )
        assert start.status in (204, 404, 409), start
        assert remove.status in (204, 409), remove


def test_stop_kill_and_exec_against_each_other(engine):
    for number in range(5):
        name = f"race{number}"
        engine.docker("run", "-d", "--name", name, "busybox", "sleep", "1000")
        answers = at_once(
            lambda name=name: engine.api("POST", f"/containers/{name}/stop?t=0"),
            lambda name=name: engine.api("POST", f"/containers/{name}/kill"),
            lambda name=name: engine.api("POST", f"/containers/{name}/exec", EXEC),
            lambda name=name: engine.api("POST", f"/containers/{name}/wait"),
        )
        assert all(answer.status in (200, 201, 204, 304, 409) for answer in answers), answers
        assert engine.state(name)["Status"] == "exited"


def _one_life(engine, worker: int, number: int) -> None:
    name = f"churn{worker}x{number}"
    choice = random.Random(f"{worker}.{number}")
    host = {"NetworkMode": choice.choice(["bridge", "none", "host", f"churn{worker}"])}
    if host["NetworkMode"] in ("bridge", f"churn{worker}"):
        host["PortBindings"] = {"80/tcp": [{"HostPort": "0"}]}
    if choice.random() < 0.5:
        host["Binds"] = [f"vol{worker}:/data", "/anonymous"]
    body = {"Image": "busybox", "Cmd": ["sleep", "1000"], "HostConfig": host}
    assert engine.api("POST", f"/containers/create?name={name}", body).status == 201
    assert engine.api("POST", f"/containers/{name}/start").status == 204
    made = engine.api("POST", f"/containers/{name}/exec", {"Cmd": ["true"]})
    assert made.status == 201
    assert engine.api("POST", f"/exec/{made.json()['Id']}/start", {"Detach": True}).status == 200
    how = choice.choice(["stop?t=0", "kill", "restart?t=0", None])
    if how is not None:
        assert engine.api("POST", f"/containers/{name}/{how}").status == 204
    assert engine.api("DELETE", f"/containers/{name}?force=1&v=1").status == 204


def _rss_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


def test_churn_leaves_nothing_behind(engine):
    workers = 4
    for worker in range(workers):
        engine.docker("network", "create", f"churn{worker}")
        for number in range(2):  # caches and pools have their size now
            _one_life(engine, worker, -1 - number)
    before = _rss_kb(engine.pid)
    failures: list[BaseException] = []
    lives = [0] * workers
    deadline = time.monotonic() + CHURN_S

    def work(worker: int) -> None:
        try:
            while time.monotonic() < deadline:
                _one_life(engine, worker, lives[worker])
                lives[worker] += 1
        except BaseException as err:  # reported by the test's own thread
            failures.append(err)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    assert sum(lives) > 2 * workers
    wait_until("all are gone", lambda: engine.api("GET", "/containers/json?all=1").json() == [])
    assert _rss_kb(engine.pid) - before < 8 * 1024
    # Processes, mounts, links, rules, cgroups, files and descriptors: the fixture looks.


def test_removal_meets_the_end_of_the_process(engine):
    """A forced removal is done, whether the process lives, has ended or is just ending."""

    def lives() -> None:
        for number in range(12):
            made = engine.api("POST", "/containers/create", {"Image": "busybox", "Cmd": ["true"]})
            path = f"/containers/{made.json()['Id']}"
            assert engine.api("POST", f"{path}/start").status == 204
            for _ in range(number % 4):  # other moments of that end
                assert engine.api("GET", f"{path}/json").status == 200
            assert engine.api("DELETE", f"{path}?force=1&v=1").status == 204

    at_once(*[lives] * 8)
