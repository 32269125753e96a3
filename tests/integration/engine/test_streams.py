"""stdin, attach, terminals and detaching, as interactive users and pipes need them."""

from __future__ import annotations

import hashlib
import os
import select

import pytest
from bed import wait_until

pytestmark = pytest.mark.integration


def test_stdin_reaches_the_command_and_its_end_too(engine):
    assert engine.out("run", "-i", "--rm", "busybox", "cat", stdin=b"one\ntwo\n") == "one\ntwo"


def test_half_close_lets_the_answer_come_after_the_end_of_input(engine):
    text = engine.out(
        "run",
        "-i",
        "--rm",
        "busybox",
        "sh",
        "-c",
        "wc -c; sleep 0.2; echo after",
        stdin=b"x" * 100_000,
    )
    assert text == "100000\nafter"


def test_large_data_passes_unharmed_in_both_directions(engine):
    data = os.urandom(8 << 20)
    process = engine.popen("run", "-i", "--rm", "busybox", "cat")
    out, err = process.communicate(data, timeout=60)
    assert process.returncode == 0, err
    assert hashlib.sha256(out).digest() == hashlib.sha256(data).digest()


def test_without_i_stdin_is_empty(engine):
    assert (
        engine.out("run", "--rm", "busybox", "sh", "-c", "cat; echo end", stdin=b"not seen")
        == "end"
    )


def test_output_without_a_newline_and_empty_output(engine):
    assert engine.docker("run", "--rm", "busybox", "printf", "abc").stdout == "abc"
    assert engine.docker("run", "--rm", "busybox", "true").stdout == ""


def test_attach_sees_new_output_and_the_exit_code(engine):
    engine.docker(
        "run", "-d", "-i", "--name", "aa", "busybox", "sh", "-c", "read x; echo got $x; exit 5"
    )
    process = engine.popen("attach", "aa")
    # As long as its input is open the client stays attached (StdinOnce is not set).
    process.stdin.write(b"word\n")
    process.stdin.flush()
    assert process.stdout.read() == b"got word\n"
    process.communicate(timeout=20)
    assert process.returncode == 5


def test_attach_to_a_stopped_container_is_refused(engine):
    engine.docker("create", "--name", "cc", "busybox", "true")
    assert "cannot attach to a stopped container" in engine.fails("attach", "cc").lower()


def test_start_attached(engine):
    engine.docker("create", "-i", "--name", "cc", "busybox", "cat")
    assert engine.out("start", "-a", "-i", "cc", stdin=b"data\n") == "data"


def test_two_attached_clients_both_see_the_output(engine):
    engine.docker("run", "-d", "-i", "--name", "two", "busybox", "cat")
    first, second = engine.popen("attach", "--no-stdin", "two"), engine.popen("attach", "two")

    def tick() -> bool:
        second.stdin.write(b"tick\n")
        second.stdin.flush()
        return bool(select.select([first.stdout], [], [], 0.05)[0])

    wait_until("the first client is attached", tick)
    assert first.stdout.readline() == second.stdout.readline() == b"tick\n"
    engine.docker("kill", "two")
    for process in (first, second):
        process.communicate(timeout=20)
        assert process.returncode == 137


def test_terminal_has_a_size_echo_and_follows_resizes(engine):
    terminal = engine.terminal("run", "-it", "--rm", "busybox", "sh", rows=33, columns=111)
    terminal.expect(b"# ")
    terminal.send(b"stty size\n")
    terminal.expect(b"33 111")
    terminal.resize(40, 120)
    os.kill(terminal.process.pid, 28)  # SIGWINCH
    terminal.send(b"sleep 0.3; stty size; echo $TERM\n")
    terminal.expect(b"40 120")
    terminal.expect(b"xterm")
    terminal.send(b"exit 3\n")
    assert terminal.wait() == 3


def test_interrupt_key_reaches_the_command(engine):
    terminal = engine.terminal("run", "-it", "--rm", "--name", "keys", "busybox", "sh")
    terminal.expect(b"# ")
    terminal.send(b"sleep 1000\n")
    wait_until("the sleep", lambda: "sleep 1000" in engine.out("top", "keys"))
    terminal.send(b"\x03")
    terminal.send(b"echo still-$((40+2))\n")
    terminal.expect(b"still-42")
    terminal.send(b"exit\n")
    assert terminal.wait() in (0, 130)


def test_detach_keys_leave_the_container_running(engine):
    terminal = engine.terminal("run", "-it", "--name", "dd", "busybox", "sh")
    terminal.expect(b"# ")
    terminal.send(b"\x10\x11")
    assert terminal.wait() == 0
    assert engine.state("dd")["Running"] is True
    again = engine.terminal("attach", "--detach-keys", "ctrl-a,x", "dd")
    again.send(b"echo back-$((1+1))\n")
    again.expect(b"back-2")
    again.send(b"\x01x")
    again.wait()
    assert engine.state("dd")["Running"] is True


def test_signals_of_the_client_are_passed_on(engine):
    process = engine.popen(
        "run", "--rm", "busybox", "sh", "-c",
        "trap 'echo caught; exit 9' TERM; echo ready; while :; do sleep 0.1; done",
    )  # fmt: skip
    assert process.stdout.readline() == b"ready\n"
    process.terminate()
    out, _ = process.communicate(timeout=20)
    assert out == b"caught\n"
    assert process.returncode == 9


def test_logs_of_a_terminal_are_raw(engine):
    engine.docker("run", "-d", "-t", "--name", "tt", "busybox", "echo", "x")
    engine.docker("wait", "tt")
    assert engine.docker("logs", "tt").stdout == "x\r\n"
