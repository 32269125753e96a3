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

from baleen.runtime.shim import MOST_CONTAINERS


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


def shim_of(process):
    """The pid of the shim that waits for the first container, once it is there."""
    while True:
        for pid in children(process.pid):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if Path(f"/proc/{pid}/comm").read_text() == "baleen-shim\n":
                    return pid


def children(pid):
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_shim_that_was_killed_is_replaced(process_and_socket):
    process, zygote = process_and_socket
    shim = os.pidfd_open(shim_of(process))
    signal.pidfd_send_signal(shim, signal.SIGKILL)
    assert select.select([shim], [], [], 10)[0]
    os.close(shim)
    for _ in range(2):
        with spawn(zygote, "/nonexistent/start.json") as control:
            assert "No such file" in json.loads(control.recv(10_000))["message"]


def test_a_shim_and_what_it_keeps_end_with_the_zygote(process_and_socket):
    process, _ = process_and_socket
    shim = shim_of(process)
    # The nursery, and the worker that waits for an order: nothing else comes or goes.
    while len(kept := children(shim)) < 2:
        continue
    pidfds = [os.pidfd_open(pid) for pid in (shim, *kept)]
    process.kill()
    process.wait()
    process.returncode = 0  # the fixture asks for an orderly end
    for pidfd in pidfds:
        assert select.select([pidfd], [], [], 10)[0]
        os.close(pidfd)


def waiting(zygote, directory):
    """A container whose start nobody orders."""
    path = directory / "start.json"
    request = {
        "id": "0" * 64,
        "bundle": str(directory),
        "state_dir": str(directory),
        "rootfs": {"path": "/nonexistent"},
        "log": {"driver": "none"},
        "open_stdin": False,
        "stdin_once": False,
    }
    path.write_text(json.dumps(request))
    control = spawn(zygote, str(path))
    control.send(b'{"seq": 1, "op": "state"}')
    assert json.loads(control.recv(10_000))["status"] == "created"
    return control


def test_containers_share_a_shim_up_to_a_number(process_and_socket, tmp_path):
    process, zygote = process_and_socket
    first = shim_of(process)
    containers = [waiting(zygote, tmp_path) for _ in range(MOST_CONTAINERS + 1)]
    shims = children(process.pid)
    assert first in shims
    assert len(shims) == 2
    pidfds = [os.pidfd_open(pid) for pid in shims]
    for control in containers:
        control.close()
    # One with nothing to do is enough.
    assert len(select.select(pidfds, [], [], 10)[0]) == 1
    for pidfd in pidfds:
        os.close(pidfd)
    assert len(children(process.pid)) == 1
