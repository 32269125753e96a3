"""Attaching to real containers: streams, terminals, signals, exit codes."""

from __future__ import annotations

import os
import signal

import pytest

pytestmark = pytest.mark.integration

ECHO = "for i in 1 2; do read line; echo got $line; echo err $line >&2; done; exit 4"


def test_attach_carries_the_streams_of_a_running_container(baleen, start, engine):
    baleen("run", "-di", "--name", "con", "busybox", "sh", "-c", ECHO)
    process = start("attach", "con")
    process.stdin.write(b"one\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"got one\n"
    process.stdin.write(b"two\n")
    process.stdin.flush()
    assert (process.stdout.read(), process.stderr.read()) == (b"got two\n", b"err one\nerr two\n")
    assert process.wait(30) == 4
    assert engine.state("con")["Status"] == "exited"
    stopped = baleen("attach", "con", code=1)
    assert stopped.stderr == b"cannot attach to a stopped container, start it first\n"


def test_attach_without_input_ends_as_the_container_does(baleen, engine):
    baleen("run", "-d", "--name", "con", "busybox", "sh", "-c", "read x </dev/tty; sleep 1; exit 5")
    baleen("attach", "--no-stdin", "con", code=5)


def test_signals_of_an_attached_command_go_to_the_container(baleen, start):
    script = "trap 'echo caught; exit 9' TERM; echo ready; while :; do sleep 0.1; done"
    baleen("create", "--name", "con", "busybox", "sh", "-c", script)
    process = start("start", "-a", "con")
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.stdout.read() == b"caught\n"
    assert process.wait(30) == 9


def test_start_attached_has_output_and_exit_code_each_time(baleen):
    baleen("create", "--name", "con", "busybox", "sh", "-c", "echo out; echo err >&2; exit 6")
    for _ in range(2):
        done = baleen("start", "-a", "con", code=6)
        assert (done.stdout, done.stderr) == (b"out\n", b"err\n")


def test_start_interactive_passes_the_input_and_its_end(baleen):
    baleen("create", "-i", "--name", "con", "busybox", "sh", "-c", "cat; exit 2")
    data = os.urandom(300_000)
    assert baleen("start", "-ai", "con", stdin=data, code=2).stdout == data


def test_start_attached_of_a_container_that_removes_itself(baleen):
    baleen("create", "--rm", "--name", "con", "busybox", "sh", "-c", "exit 3")
    baleen("start", "-a", "con", code=3)
    baleen("container", "inspect", "con", code=1)


def test_a_command_that_is_not_there_fails_the_attached_start(baleen):
    baleen("create", "--name", "con", "busybox", "nosuchcommand")
    done = baleen("start", "-a", "con", code=1)
    assert b"executable file not found" in done.stderr


def test_a_terminal_is_detached_from_and_attached_to_again(baleen, terminal, engine):
    first = terminal("run", "-it", "--name", "con", "busybox", "sh", rows=31, columns=91)
    first.expect(b"# ")
    first.send(b"stty size; x=4'2'\r")
    first.expect(b"31 91")
    first.send(b"\x10\x11")
    first.expect(b"read escape sequence")
    assert first.wait() == 0
    assert engine.state("con")["Status"] == "running"

    second = terminal("attach", "--detach-keys", "ctrl-x,y", "con", rows=20, columns=70)
    second.send(b"echo is $x; stty size\r")
    second.expect(b"is 42")
    second.expect(b"20 70")
    second.send(b"\x18y")
    second.expect(b"read escape sequence")
    assert second.wait() == 1

    third = terminal("attach", "con")
    third.send(b"exit 7\r")
    assert third.wait() == 7


def test_start_interactive_with_a_terminal(baleen, terminal):
    baleen("create", "-it", "--name", "con", "busybox", "sh")
    screen = terminal("start", "-ai", "con")
    screen.expect(b"# ")
    screen.send(b"echo a'b'c; exit 5\r")
    screen.expect(b"abc")
    assert screen.wait() == 5
