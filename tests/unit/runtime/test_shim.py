"""A shim's containers, none of which is started; those are tests/integration/runtime."""

import json
import os
import select
import signal
import socket

import pytest

from baleen.runtime.shim import DONE, be_shim

DEADLINE_S = 10.0


class Process:
    """A forked shim, and the zygote's end of its socket."""

    def __init__(self):
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.settimeout(DEADLINE_S)
        self.pid = os.fork()
        if self.pid == 0:
            be_shim(theirs, object())
        theirs.close()

    def give(self, path, fds=()):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(DEADLINE_S)
        socket.send_fds(self.sock, [os.fsencode(path)], [theirs.fileno(), *fds])
        theirs.close()
        return ours

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def end(self):
        self.sock.close()
        pidfd = os.pidfd_open(self.pid)
        readable, _, _ = select.select([pidfd], [], [], DEADLINE_S)
        if not readable:
            os.kill(self.pid, signal.SIGKILL)
        os.close(pidfd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.fixture
def shim():
    process = Process()
    yield process
    assert process.end() == 0


def request(directory, **changes):
    path = directory / "start.json"
    document = {
        "id": "0" * 64,
        "bundle": str(directory),
        "state_dir": str(directory),
        "rootfs": {"path": "/nonexistent"},
        "log": {"driver": "none"},
        "open_stdin": False,
        "stdin_once": False,
        **changes,
    }
    path.write_text(json.dumps(document))
    return path


def call(control, op):
    control.send(json.dumps({"seq": 1, "op": op}).encode())
    return json.loads(control.recv(10_000))


def test_a_container_is_served_and_its_end_is_told(shim, tmp_path):
    control = shim.give(request(tmp_path))
    assert call(control, "state")["status"] == "created"
    assert call(control, "release")["ok"]
    assert control.recv(10) == b""
    control.close()
    assert shim.sock.recv(10) == DONE


@pytest.mark.parametrize("changes", [{"reserved_fds": 1}, {"unknown": 1}, None])
def test_a_request_that_cannot_be_served_is_refused_and_told(shim, tmp_path, changes):
    path = tmp_path / "none" if changes is None else request(tmp_path, **changes)
    with shim.give(path) as control:
        assert json.loads(control.recv(10_000))["event"] == "error"
        assert control.recv(10) == b""
    assert shim.sock.recv(10) == DONE


def test_nothing_of_many_containers_stays_open(shim, tmp_path):
    def one():
        path = request(tmp_path, reserved_fds=1)
        with open(os.devnull) as null, shim.give(path, [null.fileno()]) as control:
            # There is no config.json, so the start fails.
            assert call(control, "start")["error"]["stage"] == "spec"
            assert control.recv(1000) == b""
        assert shim.sock.recv(10) == DONE

    one()
    with shim.give(request(tmp_path)) as control:
        # The next worker waits while this one is asked.
        call(control, "state")
        before = shim.descriptors()
        call(control, "release")
    assert shim.sock.recv(10) == DONE
    for _ in range(20):
        one()
    with shim.give(request(tmp_path)) as control:
        call(control, "state")
        assert shim.descriptors() <= before + 1  # the next worker
        call(control, "release")
    assert shim.sock.recv(10) == DONE


def test_it_ends_with_its_last_container_when_the_zygote_has_gone(shim, tmp_path):
    controls = [shim.give(request(tmp_path)) for _ in range(2)]
    for control in controls:
        call(control, "state")
    shim.sock.shutdown(socket.SHUT_RDWR)
    pidfd = os.pidfd_open(shim.pid)
    for control in controls:
        assert call(control, "state")["status"] == "created"
        control.close()
    assert select.select([pidfd], [], [], DEADLINE_S)[0]
    os.close(pidfd)
