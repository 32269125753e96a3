import json
import os
import socket
from contextlib import closing, suppress

import pytest

from baleen.errors import InvalidArgument
from baleen.runtime.poller import Poller
from baleen.runtime.protocol import Connection, decode, encode, receive

SO_SNDBUFFORCE = 32  # <asm-generic/socket.h>; Python has no name for it


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    yield ours, theirs
    ours.close()
    theirs.close()


def test_a_message_survives_the_way():
    assert decode(encode({"op": "x", "n": [1, None]})) == {"op": "x", "n": [1, None]}


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"7", b"\xff", b"[" * 100_000])
def test_what_is_no_object_is_refused(data):
    with pytest.raises(InvalidArgument):
        decode(data)


def test_descriptors_arrive_close_on_exec(pair):
    read, write = os.pipe()
    socket.send_fds(pair[0], [b"{}"], [read, write])
    data, fds = receive(pair[1])
    assert data == b"{}"
    assert len(fds) == 2
    assert not any(os.get_inheritable(fd) for fd in fds)
    os.write(fds[1], b"x")
    assert os.read(read, 1) == b"x"
    for fd in (read, write, *fds):
        os.close(fd)


def test_the_end_of_the_stream_is_empty(pair):
    pair[0].close()
    assert receive(pair[1]) == (b"", [])


def test_a_message_that_is_too_long_is_consumed_and_refused(pair):
    try:
        pair[0].setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 1 << 21)
    except PermissionError:
        pytest.skip("raising the send buffer above the limit needs CAP_NET_ADMIN")
    pair[0].send(b"x" * (300 * 1024))
    pair[0].send(b"{}")
    with pytest.raises(InvalidArgument, match="longer"):
        receive(pair[1])
    assert receive(pair[1]) == (b"{}", [])


class Daemon:
    def __init__(self, poller, sock):
        self.requests, self.closed = [], 0
        self.connection = Connection(poller, sock, self.request, self.on_closed)

    def request(self, message, fds):
        self.requests.append((message, fds))

    def on_closed(self, connection):
        assert connection is self.connection
        self.closed += 1


def test_requests_are_delivered_and_garbage_is_answered(pair):
    with closing(Poller()) as poller:
        daemon = Daemon(poller, pair[1])
        pair[0].send(b'{"op":"a"}')
        pair[0].send(b"garbage")
        poller.run_once()
        poller.run_once()
        assert daemon.requests == [({"op": "a"}, [])]
        assert json.loads(pair[0].recv(1000))["event"] == "error"
        pair[0].close()
        poller.run_once()
        assert daemon.closed == 1


def test_what_a_busy_daemon_does_not_take_waits_in_order(pair):
    with closing(Poller()) as poller:
        daemon = Daemon(poller, pair[1])
        for number in range(600):
            daemon.connection.send({"n": number, "pad": "x" * 2000})
        daemon.connection.close_when_sent()
        assert daemon.closed == 0
        seen = []
        pair[0].setblocking(False)
        while not daemon.closed:
            with suppress(BlockingIOError):
                while data := pair[0].recv(10_000):
                    seen.append(json.loads(data)["n"])
            poller.run_once()
        pair[0].setblocking(True)
        while data := pair[0].recv(10_000):
            seen.append(json.loads(data)["n"])
        assert seen == list(range(600))


def test_a_daemon_that_never_reads_is_given_up(pair):
    with closing(Poller()) as poller:
        daemon = Daemon(poller, pair[1])
        for _ in range(3000):
            daemon.connection.send({"pad": "x" * 2000})
        assert daemon.closed == 1
