"""F19: many containers alive: a list in 300 ms, a restarted daemon ready in 10 s.

The thousand of the case takes a minute or more to make; BALEEN_F19_CONTAINERS=1000 asks for it.
Here it is a tenth of them, with a tenth of the time for what grows with their number.
"""

from __future__ import annotations

import contextlib
import os
import socket
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from bed import wait_until

COUNT = int(os.environ.get("BALEEN_F19_CONTAINERS", "100"))

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60 + COUNT)]

BODY = {"Image": "busybox", "Cmd": ["sleep", "10000"], "HostConfig": {"NetworkMode": "none"}}


def start(engine, number: int) -> int:
    name = f"many{number}"
    assert engine.api("POST", f"/containers/create?name={name}", BODY).status == 201
    assert engine.api("POST", f"/containers/{name}/start").status == 204
    return int(engine.state(name)["Pid"])


def seconds(action) -> float:
    started = time.monotonic()
    action()
    return time.monotonic() - started


def test_lists_stats_events_and_a_restart(engine):
    with ThreadPoolExecutor(4) as pool:
        pids = list(pool.map(lambda number: start(engine, number), range(COUNT)))
    running = lambda: engine.api("GET", "/containers/json").json()  # noqa: E731
    assert len(running()) == COUNT
    assert statistics.median(seconds(running) for _ in range(9)) < 0.3
    assert seconds(lambda: engine.docker("ps", "-q")) < 3
    # The numbers of each, one after the other.
    sample = range(0, COUNT, max(1, COUNT // 25))
    path = "/containers/many{}/stats?stream=0&one-shot=1"
    taken = [seconds(lambda n=number: engine.api("GET", path.format(n))) for number in sample]
    assert statistics.median(taken) < 0.1, taken
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as client:
        client.settimeout(10)
        client.connect(str(engine.socket))
        client.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in client.recv(4096)
        engine.docker("rename", "many0", "first")
        data = b""
        while b"}" not in data:
            data += client.recv(4096)
        assert b'"rename"' in data
    engine.docker("rename", "first", "many0")

    engine.kill9()
    started = time.monotonic()
    engine.start()
    assert len(running()) == COUNT
    assert time.monotonic() - started < 10.0
    assert [int(engine.state(f"many{number}")["Pid"]) for number in range(COUNT)] == pids
    assert engine.out("exec", f"many{COUNT - 1}", "echo", "here") == "here"
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(
            lambda number: engine.api("DELETE", f"/containers/many{number}?force=1").status,
            range(COUNT),
        )
        assert set(answers) == {204}
    wait_until("the list is empty", lambda: not running())
