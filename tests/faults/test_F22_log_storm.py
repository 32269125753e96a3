"""F22: output without end, as one line, as binary: logs rotate and nobody's memory grows."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest
from attack_lab import memory_stays, rss_kib
from bed import wait_until

pytestmark = pytest.mark.integration


def supervisor(engine, name: str) -> int:
    text = Path(f"/proc/{engine.state(name)['Pid']}/stat").read_text()
    return int(text.rpartition(")")[2].split()[1])


def logs_size(engine, name: str) -> int:
    directory = engine.place.data_root / "containers" / engine.inspect(name)["Id"]
    total = 0
    for path in directory.glob("*-json.log*"):
        with contextlib.suppress(FileNotFoundError):  # just renamed
            total += path.stat().st_size
    return total


@pytest.mark.parametrize(
    "command",
    ["yes", "cat /dev/zero", "yes | tr -d '\\n'", "cat /dev/urandom"],
    ids=["lines", "zeros", "one line", "binary"],
)
def test_rotation_holds_and_memory_is_flat(engine, command):
    engine.docker(
        "run", "-d", "--name", "storm", "--log-opt", "max-size=1m", "--log-opt", "max-file=2",
        "--cpus", "0.5", "busybox", "sh", "-c", command,
    )  # fmt: skip
    pid = supervisor(engine, "storm")
    wait_until("the log has turned over", lambda: logs_size(engine, "storm") > 1 << 20)
    before = rss_kib(pid)
    with memory_stays(engine.pid, 32 << 10):
        deadline = time.monotonic() + 0.7
        while time.monotonic() < deadline:
            assert logs_size(engine, "storm") < 2.3 * (1 << 20)
            assert engine.api("GET", "/_ping").status == 200
        answer = engine.api("GET", "/containers/storm/logs?stdout=1&tail=10", timeout_s=10)
        assert answer.status == 200
    assert rss_kib(pid) - before < 8 << 10
    engine.docker("kill", "storm")


def test_a_line_of_50_mb_comes_back_whole(engine):
    engine.docker(
        "run", "--name", "long", "busybox", "sh", "-c",
        "head -c 50000000 /dev/zero | tr '\\0' x; echo; echo end", timeout_s=20,
    )  # fmt: skip
    with memory_stays(engine.pid, 64 << 10):
        answer = engine.api("GET", "/containers/long/logs?stdout=1")
    assert answer.body.count(b"x") == 50_000_000
    assert answer.body.endswith(b"end\n")
