"""What a supervisor answers before anything runs; running is tests/integration/runtime."""

import json
import os
import select
import socket
from contextlib import closing

import pytest

from baleen.runtime.nursery import Nursery
from baleen.runtime.poller import Poller
from baleen.runtime.supervisor import Supervisor
from baleen.runtime.worker_link import Worker


class NoCgroups:
    """No start happens here, so nothing is asked."""


class World:
    def __init__(self, poller, directory, reserved=()):
        self.poller = poller
        request = {
            "id": "0" * 64,
            "bundle": str(directory),
            "state_dir": str(directory),
            "rootfs": {"path": "/nonexistent"},
            "log": {"driver": "none"},
            "open_stdin": True,
            "stdin_once": True,
            "reserved_fds": len(reserved),
        }
        path = directory / "start.json"
        path.write_text(json.dumps(request))
        nursery = Nursery(poller, NoCgroups())
        found = []
        worker = Worker(nursery, poller, str(path), found.append)
        while not found:
            poller.run_once()
        path.unlink()
        poller.on_stop = nursery.close
        self.supervisor = Supervisor(poller, found[0], worker, nursery, NoCgroups(), list(reserved))
        self.daemon, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.daemon.settimeout(5)
        self.supervisor.serve(ours)

    def call(self, op, fds=(), daemon=None, **fields):
        daemon = daemon or self.daemon
        socket.send_fds(daemon, [json.dumps({"seq": 1, "op": op, **fields}).encode()], list(fds))
        while not select.select([daemon], [], [], 0)[0]:
            self.poller.run_once()
        return json.loads(daemon.recv(65536))


@pytest.fixture
def world(tmp_path):
    with closing(Poller()) as poller:
        world = World(poller, tmp_path)
        yield world
        world.daemon.close()
        poller.run()


def test_the_state_before_the_start(world):
    answer = world.call("state")
    assert (answer["reply"], answer["status"], answer["execs"]) == (1, "created", [])


@pytest.mark.parametrize(
    ("op", "fields", "text"),
    [
        ("nonsense", {}, "unknown operation"),
        ("attach", {"client": 1}, "one descriptor"),
        ("signal", {"signal": 9}, "not running"),
        ("signal", {"signal": "9"}, "integer"),
        ("exec", {"exec_id": "e"}, "created"),
        ("resize", {"exec_id": "e", "width": 1, "height": 1}, "no running exec"),
        ("resize", {"width": 70000, "height": 1}, "no size"),
        ("connect", {"interface": {}}, "network namespace"),
        ("set-restart", {"restart": 1}, "object"),
    ],
)
def test_what_cannot_be_done_is_said(world, op, fields, text):
    answer = world.call(op, **fields)
    assert answer["ok"] is False
    assert text in answer["error"]["message"]


def test_descriptors_of_a_refused_request_are_closed(world):
    before = len(os.listdir("/proc/self/fd"))
    with open("/dev/null") as file:
        world.call("nonsense", [file.fileno(), file.fileno()])
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_failed_start_answers_cleans_up_and_ends(tmp_path):
    read, write = os.pipe()
    with closing(Poller()) as poller:
        world = World(poller, tmp_path, [write])
        client, other = socket.socketpair()
        world.call("attach", [other.fileno()], client=4, stdout=True, framed=True)
        other.close()
        error = world.call("start")["error"]
        assert error["stage"] == "spec"
        assert error["exit_code"] == 128
        poller.run()
        event = json.loads(world.daemon.recv(1000))
        assert event == {"event": "detached", "client": 4, "reason": "error"}
        assert world.daemon.recv(1000) == b""
        assert client.recv(10) == b""
        assert os.read(read, 1) == b""
        assert not list(tmp_path.iterdir())
        for sock in (client, world.daemon):
            sock.close()
    os.close(read)


def test_release_before_the_start_ends_it(tmp_path):
    with closing(Poller()) as poller:
        world = World(poller, tmp_path)
        assert world.call("release")["ok"]
        poller.run()
        assert world.daemon.recv(10) == b""
        world.daemon.close()


def test_a_bug_without_a_running_container_ends_the_supervisor(tmp_path):
    with closing(Poller()) as poller:
        world = World(poller, tmp_path)
        world.supervisor._status = "exiting"
        world.supervisor.report_bug(KeyError("bug"))
        poller.run()
        assert json.loads(world.daemon.recv(1000)) == {
            "event": "error",
            "message": "KeyError: 'bug'",
        }
        assert world.daemon.recv(10) == b""
        world.daemon.close()
