"""F05: the daemon is replaced; containers, their ports, terminals and logs do not notice."""

from __future__ import annotations

import threading
import time

import pytest
from bed import wait_until

pytestmark = pytest.mark.integration

SERVER = "mkdir /www; echo served > /www/index.html; httpd -f -p 80 -h /www"
COUNTING = "i=0; while :; do echo line $i; i=$((i+1)); usleep 2000; done"


def test_pids_ports_logs_and_terminals_stay(engine):
    engine.docker(
        "run", "-d", "--name", "web", "-p", "8080:80", "-v", "vol:/v", "busybox", "sh", "-c", SERVER
    )  # fmt: skip
    engine.docker("run", "-d", "--name", "log", "busybox", "sh", "-c", COUNTING)
    engine.docker("run", "-d", "--name", "tty", "-t", "--rm", "busybox", "sleep", "1000")
    names = ("web", "log", "tty")
    pids = {name: engine.state(name)["Pid"] for name in names}
    engine.wait_for_log("log", "line 1")
    wait_until("the server answers", lambda: engine.fetch("198.51.100.1", 8080, outside=True))
    stop = threading.Event()
    answers: list[tuple[float, bool]] = []

    def ask() -> None:
        while not stop.is_set():
            answers.append(
                (time.monotonic(), engine.fetch("198.51.100.1", 8080, outside=True) != "")
            )

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        for end in (engine.stop, engine.kill9, engine.stop):
            end()
            engine.start()
            assert {name: engine.state(name)["Pid"] for name in names} == pids
            assert engine.out("exec", "web", "echo", "inside") == "inside"
            assert engine.fetch("172.17.0.1", 8080) == "served\n"
    finally:
        stop.set()
        thread.join()
    assert len(answers) > 3
    assert all(served for _, served in answers), "every connection was served"
    text = engine.out("logs", "log").splitlines()
    assert text == [f"line {number}" for number in range(len(text))]
    assert len(text) > 100
    engine.docker("kill", "tty")
    engine.docker("wait", "tty", check=False)
