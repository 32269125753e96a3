"""The init, run as an ordinary process: codes, signals, failures; as PID 1: integration tests."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest

from baleen.linux import capabilities
from baleen.linux.process import pidfd_open, wait_pidfd
from baleen.linux.script import FAILURE
from baleen.runtime.failure import LaunchError
from baleen.runtime.prepare import Stdio, prepare
from baleen.runtime.spec import parse_process
from baleen.runtime.tiny_init import INHERITED_CHANNEL, TinyInit

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="it takes groups and user")


class Running:
    """An init whose command is `args`, with the reading end of its output."""

    def __init__(self, *args: str, **process) -> None:
        self.ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        reader, writer = os.pipe()
        everything = ["CAP_" + name for name in ("KILL", "SETUID", "SETGID", "SYS_ADMIN")]
        document = {
            "args": list(args),
            "cwd": "/",
            "user": {"uid": 0, "gid": 0},
            "env": ["PATH=/bin:/usr/bin"],
            "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), everything),
            **process,
        }
        prepared = prepare(parse_process(document), Stdio(0, writer, writer), None)
        self.tiny = TinyInit(prepared, capabilities.capget()[1])
        with self.tiny.program() as program, theirs:
            self.pid = os.posix_spawn(
                f"/proc/self/fd/{program.fileno()}",
                self.tiny.argv,
                {},
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, theirs.fileno(), INHERITED_CHANNEL),
                    (os.POSIX_SPAWN_DUP2, writer, 1),
                ],
            )
        os.close(writer)
        self.output = os.fdopen(reader, "rb")

    def started(self) -> Running:
        """The command runs: both have closed the channel."""
        data = self.ours.recv(100)
        if data:
            assert len(data) == FAILURE.size
            raise self.tiny.steps.failure(data)
        return self

    def code(self) -> int:
        with pidfd_open(self.pid) as pidfd, self.ours, self.output:
            return wait_pidfd(pidfd.fileno())


def test_the_exit_code_is_the_commands():
    assert Running("sh", "-c", "exit 5").started().code() == 5
    assert Running("true").started().code() == 0
    assert Running("sh", "-c", "exit 255").started().code() == 255


def test_death_by_a_signal_is_told_as_shells_do():
    assert Running("sh", "-c", "kill -9 $$").started().code() == 137
    assert Running("sh", "-c", "kill -6 $$").started().code() == 134


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP, 40])
def test_a_signal_is_forwarded(number):
    running = Running(
        "sh", "-c", f"trap 'exit 44' {int(number)}; echo there; sleep 100 & wait"
    ).started()
    assert running.output.readline() == b"there\n"
    os.kill(running.pid, number)
    assert running.code() == 44


def test_the_command_begins_with_nothing_blocked_and_a_group_of_its_own():
    running = Running("sh", "-c", "cat /proc/self/status; echo $$; ps -o pgid= -p $$").started()
    lines = running.output.read().decode().splitlines()
    blocked = {line.split()[0]: line.split()[1] for line in lines if line.startswith("Sig")}
    assert int(blocked["SigBlk:"], 16) == 0
    assert int(blocked["SigIgn:"], 16) & 1 << signal.SIGTTOU - 1 == 0
    assert lines[-1].strip() == lines[-2]
    assert running.code() == 0


def test_what_is_seen_of_it():
    running = Running("sleep", "1000").started()
    base = Path(f"/proc/{running.pid}")
    assert (base / "comm").read_text() == "baleen-init\n"
    assert (base / "cmdline").read_bytes() == b"baleen-init\0--\0sleep\x001000\0"
    assert (base / "environ").read_bytes() == b""
    assert sorted(os.listdir(base / "fd")) == ["0", "1", "2"]
    resident = int((base / "statm").read_text().split()[1])
    assert resident <= 8  # pages
    os.kill(running.pid, signal.SIGTERM)
    assert running.code() == 143


@pytest.mark.parametrize(
    ("args", "process", "text", "code"),
    [
        (["nonesuch"], {}, "executable file not found", 127),
        (["/etc"], {}, "permission denied|is a directory", 126),
        (["true"], {"cwd": "/nonesuch"}, "nonesuch", 127),
    ],
)
def test_failures_are_told_in_the_usual_words(args, process, text, code):
    running = Running(*args, **process)
    with pytest.raises(LaunchError, match=f"(?i){text}") as caught:
        running.started()
    assert caught.value.exit_code == code
    assert running.code() == 1


def test_it_is_small():
    running = Running("true").started()
    size = len(running.tiny.steps.script.image(INHERITED_CHANNEL))
    running.code()
    assert size < 32 * 1024
