"""`docker logs` with its flags."""

from __future__ import annotations

import re
import time

import pytest

pytestmark = pytest.mark.integration


def test_streams_order_and_selection(engine):
    engine.docker("run", "--name", "ll", "busybox", "sh", "-c", "echo 1; echo 2 >&2; echo 3")
    done = engine.docker("logs", "ll")
    assert (done.stdout, done.stderr) == ("1\n3\n", "2\n")


def test_tail(engine):
    engine.docker("run", "--name", "ll", "busybox", "seq", "1000")
    assert engine.out("logs", "--tail", "3", "ll") == "998\n999\n1000"
    assert engine.out("logs", "--tail", "0", "ll") == ""
    assert engine.out("logs", "ll").count("\n") == 999


def test_timestamps(engine):
    engine.docker("run", "--name", "ll", "busybox", "echo", "x")
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z x\n", engine.docker("logs", "-t", "ll").stdout
    )


def test_since_and_until(engine):
    engine.docker("run", "--name", "ll", "busybox", "sh", "-c", "echo a; sleep 1.1; echo b")
    stamp = engine.docker("logs", "-t", "--tail", "1", "ll").stdout.split()[0]
    assert engine.out("logs", "--since", stamp, "ll") == "b"
    assert engine.out("logs", "--since", "1h", "ll") == "a\nb"
    before = str(int(time.time()) - 3600)
    assert engine.out("logs", "--until", before, "ll") == ""


def test_follow_ends_with_the_container(engine):
    engine.docker(
        "run",
        "-d",
        "--name",
        "ll",
        "busybox",
        "sh",
        "-c",
        "for i in 1 2 3; do echo $i; sleep 0.2; done",
    )
    assert engine.out("logs", "-f", "ll") == "1\n2\n3"


def test_follow_streams_while_it_is_written(engine):
    engine.docker(
        "run",
        "-d",
        "-i",
        "--name",
        "ll",
        "busybox",
        "sh",
        "-c",
        "while read x; do echo $x; [ $x = end ] && exit; done",
    )
    follower = engine.popen("logs", "-f", "ll")
    feeder = engine.popen("attach", "ll")
    for word in (b"one\n", b"two\n", b"end\n"):
        feeder.stdin.write(word)
        feeder.stdin.flush()
        assert follower.stdout.readline() == word
    feeder.communicate(timeout=20)
    follower.communicate(timeout=20)
    assert follower.returncode == 0


def test_rotation_keeps_the_newest(engine):
    engine.docker(
        "run", "--name", "ll", "--log-opt", "max-size=20k", "--log-opt", "max-file=3", "busybox",
        "seq", "-w", "100000", "103000",
    )  # fmt: skip
    lines = engine.out("logs", "ll").split("\n")
    assert lines[-1] == "103000"
    assert lines == [str(number) for number in range(103_001 - len(lines), 103_001)]
    assert 300 < len(lines) < 3000


def test_long_lines_and_missing_newlines_come_back_as_written(engine):
    engine.docker(
        "run",
        "--name",
        "ll",
        "busybox",
        "sh",
        "-c",
        "head -c 100000 /dev/zero | tr '\\0' x; echo; printf end",
    )
    assert engine.docker("logs", "ll").stdout == "x" * 100_000 + "\nend"


def test_a_client_that_gives_up_leaves_nothing(engine):
    engine.docker("run", "-d", "--name", "ll", "busybox", "sleep", "1000")
    follower = engine.popen("logs", "-f", "ll")
    follower.terminate()
    follower.communicate(timeout=20)
    # The leak check behind this test counts the daemon's descriptors.
