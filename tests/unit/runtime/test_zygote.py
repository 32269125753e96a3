"""The zygote's own protocol, with requests that start nothing."""

import json
import select
import socket
import subprocess
import sys

import pytest


@pytest.fixture
def zygote():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, "-m", "baleen.runtime.zygote", str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        stderr=subprocess.DEVNULL,
    )
    theirs.close()
    yield ours
    ours.close()
    assert process.wait(10) == 0


def spawn(zygote, request, count=1):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(10)
    message = json.dumps({"op": "spawn", "request": request}).encode()
    socket.send_fds(zygote, [message], [theirs.fileno()] * count)
    theirs.close()
    return ours


def test_a_request_that_is_not_there_is_refused_on_the_control_socket(zygote):
    with spawn(zygote, "/nonexistent/start.json") as control:
        message = json.loads(control.recv(10_000))
        assert message["event"] == "error"
        assert "No such file" in message["message"]
        assert control.recv(10) == b""


def test_the_first_request_gets_the_refusal_as_its_reply(zygote, tmp_path):
    (tmp_path / "start.json").write_text("{}")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(10)
    with ours:
        ours.send(b'{"seq": 5, "op": "start"}')
        message = {"op": "spawn", "request": str(tmp_path / "start.json")}
        socket.send_fds(zygote, [json.dumps(message).encode()], [theirs.fileno()])
        theirs.close()
        answer = json.loads(ours.recv(10_000))
        assert (answer["reply"], answer["ok"]) == (5, False)
        assert answer["error"]["exit_code"] == 128


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"op": "dance"}', b'{"op": "spawn"}', b"x" * 5000])
def test_garbage_does_not_end_it(zygote, data):
    zygote.send(data)
    ours, theirs = socket.socketpair()
    socket.send_fds(zygote, [data], [theirs.fileno()])
    theirs.close()
    # What was passed is closed again.
    readable, _, _ = select.select([ours], [], [], 10)
    assert readable
    assert ours.recv(1) == b""
    ours.close()
    with spawn(zygote, "/nonexistent") as control:
        assert control.recv(10_000)
