"""F17: a fork bomb, threads and open files without end; the API answers in 100 ms meanwhile.

The limit of processes holds in `tests/security/test_R31_limits_hold_for_the_tree.py`.
"""

from __future__ import annotations

import statistics
import time

import pytest
from bed import wait_until
from inside import interpreter, script

pytestmark = pytest.mark.integration

THREADS = """
import threading
stop = threading.Event()
threading.stack_size(65536)
made = 0
try:
    while made < 10**6:
        threading.Thread(target=stop.wait, daemon=True).start()
        made += 1
except RuntimeError:
    pass
print("threads", made, flush=True)
while True:
    try:
        threading.Thread(target=stop.wait, daemon=True).start()
    except RuntimeError:
        pass
"""
FILES = """
opened = []
try:
    while True:
        opened.append(os.open("/dev/null", os.O_RDONLY))
except OSError as err:
    print("files", len(opened), errno.errorcode[err.errno], flush=True)
while True:
    try:
        os.open("/dev/null", os.O_RDONLY)
    except OSError:
        pass
"""
FORKS = """
import signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print("forks", flush=True)
while True:
    try:
        if os.fork() == 0:
            continue
    except OSError:
        time.sleep(0.001)
"""
LIMITS = ("--pids-limit", "500", "--memory", "256m", "--cpus", "0.5")


@pytest.mark.parametrize(
    ("source", "word", "options"),
    [
        (THREADS, "threads", LIMITS),
        (FILES, "files", (*LIMITS, "--ulimit", "nofile=20000:20000")),
        (FORKS, "forks", LIMITS),
    ],
    ids=["threads", "files", "forks"],
)
def test_the_api_answers_meanwhile(engine, source, word, options):
    engine.docker("run", "-d", "--name", "good", "busybox", "sleep", "1000")
    engine.docker("run", "-d", "--name", "bomb", *options, *interpreter(), "busybox",
                  *script(source))  # fmt: skip
    engine.wait_for_log("bomb", word)
    taken = []
    for _ in range(25):
        started = time.monotonic()
        assert engine.api("GET", "/containers/json").status == 200
        taken.append(time.monotonic() - started)
    assert statistics.median(taken) < 0.1, taken
    assert engine.out("exec", "good", "echo", "here") == "here"
    pids = engine.api("GET", "/containers/bomb/stats?stream=0&one-shot=1").json()["pids_stats"]
    assert pids["current"] <= 500
    assert engine.api("POST", "/containers/bomb/kill").status == 204
    wait_until("the bomb is gone", lambda: not engine.state("bomb")["Running"], timeout_s=5)
