from __future__ import annotations

import pytest


@pytest.fixture
def process(fake, fakes):
    def serve(stream):
        data = b""
        while piece := stream.recv(1000):
            data += piece
        stream.sendall(fakes.frame(1, b"got " + data) + fakes.frame(2, b"!"))

    fake.on("POST", "/containers/c/exec", fakes.Reply({"Id": "e1"}, 201))
    fake.on("POST", "/exec/e1/start", fakes.Takeover(serve))
    fake.on("GET", "/exec/e1/json", fakes.Reply({"ExitCode": 5, "Running": False}))


def test_streams_and_exit_code(baleen, fake, process):
    outcome = baleen(
        "exec", "-i", "-e", "A=b", "-u", "1", "-w", "/w", "c", "cat", "-n", stdin=b"in"
    )
    assert (outcome.code, outcome.out, outcome.err) == (5, "got in", "!")
    assert fake.last("/containers/c/exec").json() == {
        "Cmd": ["cat", "-n"],
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "Tty": False,
        "Env": ["A=b"],
        "User": "1",
        "WorkingDir": "/w",
    }


def test_detached(baleen, fake, fakes, process):
    fake.on("POST", "/exec/e1/start", fakes.Reply(status=204))
    assert baleen("exec", "-d", "c", "x").code == 0
    assert fake.last("/exec/e1/start").json() == {"Detach": True, "Tty": False}


@pytest.mark.parametrize(
    ("message", "code"),
    [("executable file not found in $PATH", 127), ("permission denied", 126), ("paused", 1)],
)
def test_a_failed_start_has_its_code(baleen, fake, fakes, process, message, code):
    fake.on("POST", "/exec/e1/start", fakes.Reply({"message": message}, 400))
    assert baleen("exec", "c", "x").code == code


def test_secrets_stay_out_of_messages(baleen, fake, fakes):
    fake.on("POST", "/containers/c/exec", fakes.Reply({"message": "No such container: c"}, 404))
    outcome = baleen("exec", "-e", "PASSWORD=hunter2", "c", "x")
    assert "hunter2" not in outcome.out + outcome.err
