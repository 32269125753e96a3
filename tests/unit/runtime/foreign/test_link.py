"""The shim's side of a keeper, played by a forked process."""

import json
import os
import signal
import socket
from contextlib import closing

import pytest

from baleen.linux.fd import Fd
from baleen.runtime.foreign.link import KeeperLink, wait_exit
from baleen.runtime.nursery import Hired
from baleen.runtime.poller import Poller


class Nursery:
    """Counts who left."""

    def __init__(self):
        self.gone = 0

    def left(self):
        self.gone += 1


class World:
    def __init__(self, poller):
        self.poller, self.nursery = poller, Nursery()
        self.pid = 0

    def link(self, play):
        """A link to a process that is `play(socket)`."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid == 0:
            try:
                ours.close()
                play(theirs)
            finally:
                os._exit(0)
        theirs.close()
        return KeeperLink(self.poller, Hired(self.pid, ours), self.nursery)

    def until(self, found):
        while not found:
            self.poller.run_once()
        return found.pop(0)

    def is_reaped(self):
        try:
            os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:
            return True
        return False


@pytest.fixture
def world():
    with closing(Poller()) as poller:
        yield World(poller)


def say(sock, message, *fds):
    socket.send_fds(sock, [json.dumps(message).encode()], list(fds))


STARTED = {"event": "started", "pid": 4711, "started_at": "now"}
FAILED = {"event": "failed", "stage": "s", "errno": 2, "message": "why", "exit_code": 127}


def test_a_start_a_request_and_the_end(world):
    def play(sock):
        assert sock.recv(100) == b"start"
        reader, writer = os.pipe()
        say(sock, STARTED, reader)
        seq = json.loads(sock.recv(1000))["seq"]
        say(sock, {"reply": seq, "ok": True})
        assert json.loads(sock.recv(1000)) == {"op": "delete"}
        os.write(writer, b"42")

    link = world.link(play)
    found, sent, gone = [], [], []
    link.start(None, lambda _netns: False, found.append)
    made = world.until(found)
    assert (made.pid, made.started_at, made.console) == (4711, "now", None)
    assert world.nursery.gone == 1
    assert wait_exit(made.exit.fileno(), block=False) is None
    link.signal(15, sent.append)
    assert world.until(sent) is None
    link.delete(lambda: gone.append(True))
    world.until(gone)
    assert world.is_reaped()
    assert wait_exit(made.exit.fileno()) == 42
    made.exit.close()
    assert world.nursery.gone == 1


def test_a_network_namespace_is_handed_over_and_waited_for(world):
    def play(sock):
        sock.recv(100)
        say(sock, {"event": "netns"}, 0)
        assert sock.recv(100) == b"go"
        say(sock, FAILED)

    link = world.link(play)
    found, taken = [], []

    def take(netns):
        taken.append(netns)
        return True

    link.start(None, take, found.append)
    failure = world.until(found)
    assert (str(failure), failure.exit_code, failure.errno) == ("why", 127, 2)
    assert isinstance(taken[0], Fd)
    taken[0].close()
    link.close()
    assert world.is_reaped()


def test_one_that_dies_before_the_start(world):
    link = world.link(lambda sock: sock.recv(100))
    found = []
    link.start(None, lambda _netns: False, found.append)
    assert "has ended" in str(world.until(found))
    assert world.is_reaped()
    assert world.nursery.gone == 1


def test_one_that_is_killed_leaves_nobody_waiting(world):
    def play(sock):
        sock.recv(100)
        reader, _ = os.pipe()
        say(sock, STARTED, reader)
        os.close(reader)
        sock.recv(1000)
        os.kill(os.getpid(), signal.SIGKILL)

    link = world.link(play)
    found, asked, again, gone = [], [], [], []
    link.start(None, lambda _netns: False, found.append)
    made = world.until(found)
    link.exec({}, None, asked.append)
    assert "has ended" in str(world.until(asked))
    assert wait_exit(made.exit.fileno()) == 137
    made.exit.close()
    # It is known from now on.
    link.signal(9, again.append)
    assert "has ended" in str(again[0])
    link.delete(lambda: gone.append(True))
    assert gone == [True]


def test_closing_kills_it(world):
    link = world.link(lambda sock: sock.recv(100) and sock.recv(100))
    link.start(None, lambda _netns: False, lambda _outcome: None)
    link.close()
    link.close()
    assert world.is_reaped()
    assert world.nursery.gone == 1
