"""Calls of a program that plays the runtime; needs no root."""

import json
import os
import signal
from contextlib import closing

import pytest

from baleen.runtime.foreign.place import Place
from baleen.runtime.foreign.program import Children, Failure, Program, last_error
from baleen.runtime.poller import Poller
from baleen.runtime.prepare import Stdio
from baleen.runtime.request import RuntimeRequest


@pytest.fixture
def poller():
    handler = signal.getsignal(signal.SIGCHLD)
    with closing(Poller()) as poller:
        yield poller
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, handler)


@pytest.fixture
def children(poller):
    return Children(poller)


class World:
    def __init__(self, poller, children, directory):
        self.poller, self.children = poller, children
        self.place = Place(str(directory))
        self.script = directory / "program"

    def program(self, text, path=None, args=()):
        self.script.write_text("#!/bin/sh\n" + text)
        self.script.chmod(0o755)
        request = RuntimeRequest(path or str(self.script), args)
        return Program(self.poller, self.children, request, "the-id", self.place)

    def call(self, program, *words, timeout_s=20, **keywords):
        ended = []
        program.call("make", words, ended.append, timeout_s=timeout_s, **keywords)
        while not ended:
            self.poller.run_once()
        return ended[0]


@pytest.fixture
def world(poller, children, tmp_path):
    return World(poller, children, tmp_path)


def test_the_command_line(world):
    program = world.program(
        'for word; do echo "$word"; done > words; pwd >> words', args=("--a", "b c")
    )
    assert world.call(program, "--option", arguments=["last"]) is None
    place = world.place
    assert place.read("words").decode().split("\n") == [
        "--a", "b c", "--root", place.path("state"), "--log", place.path("log-1"),
        "--log-format", "json", "make", "--option", "the-id", "last", place.directory, "",
    ]  # fmt: skip


def test_nothing_of_a_call_is_left(world):
    before = set(os.listdir("/proc/self/fd"))
    world.call(world.program("echo x; echo y > $4; exit 1"))
    assert set(os.listdir("/proc/self/fd")) == before
    assert sorted(os.listdir(world.place.directory)) == ["rootfs", "state"]


def test_a_failure_in_the_words_of_the_log(world):
    line = json.dumps({"level": "error", "msg": "it is broken"})
    failure = world.call(world.program(f"echo '{line}' > $4; echo other >&2; exit 1"))
    assert failure == Failure("make", "it is broken")


def test_a_failure_that_is_only_printed(world):
    failure = world.call(world.program("echo a line; echo; echo another >&2; exit 1"))
    assert failure == Failure("make", "a line; another")


def test_a_failure_that_the_container_would_print(world):
    reader, writer = os.pipe()
    failure = world.call(world.program("echo why >&2; exit 1"), stdio=Stdio(writer, writer, writer))
    assert failure == Failure("make", "why")
    os.close(reader)
    os.close(writer)


def test_a_silent_failure(world):
    assert world.call(world.program("exit 3")) == Failure("make", "exit status 3")
    assert world.call(world.program("kill -9 $$")) == Failure("make", "exit status 137")


@pytest.mark.parametrize(
    ("path", "why", "number"),
    [
        ("/no/such", "cannot execute /no/such: no such file or directory", 2),
        ("/etc/passwd", "cannot execute /etc/passwd: permission denied", 13),
    ],
)
def test_a_program_that_cannot_be_executed(world, path, why, number):
    failure = world.call(world.program("", path=path))
    assert failure == Failure("make", why, number)
    assert failure.of_start().exit_code == (127 if number == 2 else 126)


def test_a_program_that_hangs_is_killed(world):
    failure = world.call(world.program("while :; do read x < /dev/zero; done"), timeout_s=0.05)
    assert failure == Failure("make", "it has not ended within 0.05 seconds")


def test_the_service_managers_variables_are_not_handed_on(world, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", "/x")
    monkeypatch.setenv("OTHER", "kept")
    assert world.call(world.program("echo $NOTIFY_SOCKET $OTHER > words")) is None
    assert world.place.read("words") == b"kept\n"


def test_what_a_failure_is_to_a_client():
    failure = Failure("create", 'exec: "x": executable file not found in $PATH')
    assert str(failure.of_start()) == (
        'OCI runtime create failed: exec: "x": executable file not found in $PATH'
    )
    assert failure.of_start().exit_code == 127
    assert str(failure.of_exec()) == 'exec: "x": executable file not found in $PATH'
    assert Failure("create", "no idea").of_start().exit_code == 128


@pytest.mark.parametrize(
    ("log", "text"),
    [
        (b"", ""),
        (b'{"level":"warning","msg":"a"}\n{"level":"error","msg":"b"}\n', "b"),
        (b'{"level":"ERROR","fields":{"message":"as youki"}}\n', "as youki"),
        (b'{"level":"error","msg":"first"}\n{"level":"info","msg":"last"}', "first"),
        (b"plain text\n\n", "plain text"),
        (b'{"level":"info","msg":"fine"}\n', ""),
        (b"\xff[1,2\n[3]\n", "\ufffd[1,2"),
        (b"[" * 100000, "[" * 4000),
    ],
)
def test_logs(log, text):
    assert last_error(log) == text


# --- children ------------------------------------------------------------------------------------


def fork(code):
    pid = os.fork()
    if pid == 0:
        os._exit(code)
    return pid


def test_a_child_that_ends_is_told_of_and_reaped(poller, children):
    codes = []
    pid = fork(7)
    children.expect(pid, codes.append)
    while not codes:
        poller.run_once()
    assert codes == [7]
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, 0)


def test_one_that_ended_before_its_number_was_known(poller, children):
    children.remember(+1)
    pid = fork(9)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    children.reap()
    codes = []
    children.expect(pid, codes.append)
    assert codes == [9]
    children.remember(-1)


def test_strangers_are_reaped_and_forgotten(children):
    pid = fork(1)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    children.reap()
    with pytest.raises(ChildProcessError):
        children.expect(pid, lambda _code: None)


def test_a_process_that_is_nobodys_child_is_refused(children):
    with pytest.raises(ChildProcessError):
        children.expect(os.getppid(), lambda _code: None)
