"""F41: clients that go, a daemon that is killed, steps that hang, a hundred builds at once."""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from socket import MSG_PEEK

import pytest
from bed import wait_until
from building_bed import (
    build,
    built,
    dockerfile,
    processes,
    read_answer,
    request,
    wait_for_end,
    wait_for_process,
)

pytestmark = pytest.mark.integration

MANY = 100
PARALLEL = 4  # operations at a time, over all builds


@pytest.fixture
def mark():
    """A number of seconds that no other process sleeps."""
    return f"{secrets.randbelow(10**6) + 10**6}.5"


def test_a_hundred_equal_builds_run_each_step_once(engine, mark):
    line = f"RUN --mount=type=cache,id=f41-{mark},target=/c echo ran >> /c/count; sleep 0.3"
    body = dockerfile("FROM busybox", line, "RUN echo second > /o")
    with ThreadPoolExecutor(MANY) as pool:
        answers = list(pool.map(lambda n: build(engine, body, t=f"f41:{n}"), range(MANY)))
    assert {answer.error for answer in answers} == {""}
    assert len({answer.image for answer in answers}) == 1
    counted = built(
        engine,
        dockerfile("FROM busybox", f"RUN --mount=type=cache,id=f41-{mark},target=/c cat /c/count"),
    )
    assert counted.output.count("ran\n") == 1


def steps(pattern: str) -> set[str]:
    """The pid namespaces of processes: a shell's child has its command line until it executes."""
    found = set()
    for pid in processes(pattern):
        with contextlib.suppress(OSError):  # it has ended
            found.add(os.readlink(f"/proc/{pid}/ns/pid"))
    return found


def test_only_so_many_steps_run_at_a_time(engine, mark):
    bodies = [
        dockerfile("FROM busybox", f"RUN sleep 0.3; true # {mark}-{number}")
        for number in range(3 * PARALLEL)
    ]
    most, done = 0, threading.Event()

    def watch():
        nonlocal most
        while not done.wait(0.01):
            # A listing takes time: only who is there before and after it were there together.
            most = max(most, len(steps(f"# {mark}-") & steps(f"# {mark}-")))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with ThreadPoolExecutor(len(bodies)) as pool:
            answers = list(pool.map(lambda body: build(engine, body), bodies))
    finally:
        done.set()
        watcher.join()
    assert {answer.error for answer in answers} == {""}
    assert 2 <= most <= PARALLEL


def test_a_client_that_goes_takes_its_step_along(engine, mark):
    with request(engine, dockerfile("FROM busybox", f"RUN sleep {mark}")):
        wait_for_process(mark)
    wait_for_end(mark)
    assert built(engine, dockerfile("FROM busybox", "RUN true")).image


def test_a_client_that_goes_does_not_disturb_who_shares_its_step(engine, mark):
    cache = f"--mount=type=cache,id=f41-{mark},target=/c"
    wait = "while [ ! -e /c/go ]; do sleep 0.05; done"
    body = dockerfile("FROM busybox", f"RUN {cache} {wait}; echo {mark} > /o")
    with request(engine, body, t="f41-staying:1") as staying:
        with request(engine, body):
            wait_for_process(mark)
            # Peeked at, so that the answer is whole when it is read.
            wait_until("both are at the step", lambda: b"Step 2/2" in staying.recv(4096, MSG_PEEK))
        assert len(processes(mark)) == 1
        assert built(engine, dockerfile("FROM busybox", f"RUN {cache} touch /c/go")).image
        answer = read_answer(staying)
    assert answer.error == ""
    assert engine.out("run", "--rm", "--network=none", "f41-staying:1", "cat", "/o") == mark


def test_a_step_that_hangs_is_ended_by_cancel(engine, mark):
    name = f"f41-{mark}"
    with request(engine, dockerfile("FROM busybox", f"RUN sleep {mark}"), buildid=name) as client:
        wait_for_process(mark)
        assert engine.api("POST", f"/build/cancel?id={name}").status in (200, 204)
        answer = read_answer(client)
    assert answer.error
    wait_for_end(mark)


def test_a_daemon_that_is_killed_leaves_no_step_and_a_right_cache(engine, mark):
    lines = ("FROM busybox", f"RUN echo f{mark} > /first", f"RUN sleep {mark}")
    with request(engine, dockerfile(*lines)):
        wait_for_process(mark)
        engine.kill9()
    wait_for_end(mark)
    engine.start()
    answer = built(engine, dockerfile(*lines[:2], "RUN cat /first"), t="f41-after:1")
    assert "Using cache" in answer.output  # what was finished is there
    assert f"\nf{mark}\n" in answer.output


def test_a_killed_daemon_never_caches_half_a_step(engine, mark):
    line = f"RUN for n in 1 2 3; do echo $n >> /o; sleep 0.4; done # {mark}"
    with request(engine, dockerfile("FROM busybox", line)):
        wait_for_process(mark)
        engine.kill9()
    wait_for_end(mark)
    engine.start()
    answer = built(engine, dockerfile("FROM busybox", line), t="f41-half:1")
    assert "Using cache" not in answer.output
    assert engine.out("run", "--rm", "--network=none", "f41-half:1", "cat", "/o") == "1\n2\n3"
