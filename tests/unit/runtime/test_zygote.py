"""The zygote's own protocol, with requests that start nothing."""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from baleen.runtime import zygote as zygote_module


@pytest.fixture
def process_and_socket():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, "-m", "baleen.runtime.zygote", str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        stderr=subprocess.DEVNULL,
    )
    theirs.close()
    yield process, ours
    ours.close()
    assert process.wait(10) == 0


@pytest.fixture
def zygote(process_and_socket):
    return process_and_socket[1]


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


def test_a_path_that_is_none_does_not_end_it(zygote):
    with spawn(zygote, "\ud800") as control:
        assert control.recv(10) == b""
    with spawn(zygote, "/nonexistent") as control:
        assert control.recv(10_000)


def spare_of(process, zygote):
    """A pidfd of the process that waits for the next container, once it is there."""
    with spawn(zygote, "/nonexistent") as control:
        control.recv(10_000)
    while True:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        names = {pid: Path(f"/proc/{pid}/comm") for pid in children}
        for pid, name in names.items():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if name.read_text() != "baleen-spare\n":
                    continue
                return os.pidfd_open(int(pid))


def test_a_spare_that_was_killed_is_replaced(process_and_socket):
    process, zygote = process_and_socket
    spare = spare_of(process, zygote)
    signal.pidfd_send_signal(spare, signal.SIGKILL)
    assert select.select([spare], [], [], 10)[0]
    os.close(spare)
    for _ in range(2):
        with spawn(zygote, "/nonexistent/start.json") as control:
            assert "No such file" in json.loads(control.recv(10_000))["message"]


def test_the_spare_ends_with_the_zygote(process_and_socket):
    process, zygote = process_and_socket
    spare = spare_of(process, zygote)
    process.kill()
    process.wait()
    process.returncode = 0  # the fixture asks for an orderly end
    assert select.select([spare], [], [], 10)[0]
    os.close(spare)


def test_a_rehearsal_leaves_no_descriptor_and_no_child():
    previous = signal.getsignal(signal.SIGCHLD)
    before = os.listdir("/proc/self/fd")
    try:
        zygote_module._rehearse(object())
    finally:
        signal.signal(signal.SIGCHLD, previous)
    assert os.listdir("/proc/self/fd") == before
