import os
import socket
import struct
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.runtime.attach import Client, frame_header
from baleen.runtime.detach_keys import DetachMatcher
from baleen.runtime.poller import Poller


class Owner:
    """The process's side, without a process."""

    def __init__(self):
        self.input, self.ended, self.writable, self.closed = b"", 0, 0, []

    def stdin_data(self, data):
        self.input += data

    def stdin_splice(self, fd):
        raise NotImplementedError

    def stdin_end(self, client):
        self.ended += 1

    def client_writable(self, client):
        self.writable += 1

    def client_closed(self, client, reason):
        self.closed.append(reason)


class World:
    def __init__(self, poller):
        self.poller, self.owner = poller, Owner()
        self.peer, self.other = socket.socketpair()
        self.peer.settimeout(10)

    def client(self, **options):
        settings = {"number": 1, "streams": frozenset({1, 2}), "stdin": True, "framed": True}
        return Client(self.poller, self.owner, self.other.detach(), **{**settings, **options})

    def read_until_end(self):
        data = b""
        self.peer.setblocking(False)
        while True:
            try:
                chunk = self.peer.recv(1 << 20)
            except BlockingIOError:
                self.poller.run_once()
                continue
            if not chunk:
                return data
            data += chunk


@pytest.fixture
def world():
    with closing(Poller()) as poller:
        world = World(poller)
        yield world
        world.peer.close()
        world.other.close()


@given(st.sampled_from([1, 2]), st.integers(0, 2**32 - 1))
def test_a_header_names_stream_and_size(stream, size):
    assert struct.unpack(">BxxxL", frame_header(stream, size)) == (stream, size)
    assert frame_header(stream, size)[1:4] == bytes(3)


def test_output_is_framed_or_raw(world):
    client = world.client()
    client.send(1, b"out")
    client.send(2, b"e")
    client.framed = False
    client.send(1, b"raw")
    client.finish("exited")
    assert world.read_until_end() == (b"\1\0\0\0\0\0\0\3out\2\0\0\0\0\0\0\1eraw")
    assert world.owner.closed == ["exited"]


def test_what_does_not_fit_waits_and_arrives_before_the_end(world):
    client = world.client(framed=False)
    for number in range(64):
        client.send(1, bytes((number,)) * 65536)
    assert client.busy
    assert client.backlog > 1 << 20
    client.finish("exited")
    assert world.owner.closed == []
    assert world.read_until_end() == b"".join(bytes((n,)) * 65536 for n in range(64))
    assert world.owner.closed == ["exited"]
    assert client.backlog == 0


@pytest.mark.parametrize("settled", [False, True])
def test_spliced_output_is_one_whole_frame(world, settled):
    read, write = os.pipe()
    client = world.client()
    os.write(write, b"y" * 60_000)
    client.splice(1, read, 60_000)
    if settled:
        client.settle()
    client.send(2, b"next")
    client.finish("exited")
    assert world.read_until_end() == (
        frame_header(1, 60_000) + b"y" * 60_000 + frame_header(2, 4) + b"next"
    )
    os.close(read)
    os.close(write)


def test_a_promise_to_a_full_socket_is_kept_later(world):
    read, write = os.pipe()
    client = world.client()
    sent = 0
    while not client.busy:
        os.write(write, b"z" * 65536)
        client.splice(1, read, 65536)
        sent += 1
    client.finish("exited")
    assert world.read_until_end() == (frame_header(1, 65536) + b"z" * 65536) * sent
    os.close(read)
    os.close(write)


def test_input_is_taken_only_while_the_process_takes_it(world):
    client = world.client(early=b"early ")
    world.peer.send(b"late")
    assert world.owner.input == b""
    client.set_reading(True)
    assert world.owner.input == b"early "
    world.poller.run_once()
    assert world.owner.input == b"early late"
    world.peer.shutdown(socket.SHUT_WR)
    world.poller.run_once()
    assert world.owner.ended == 1
    client.send(1, b"still attached")
    assert world.peer.recv(100).endswith(b"still attached")
    client.drop()


def test_detach_keys_end_the_attachment(world):
    client = world.client(matcher=DetachMatcher(b"\x10\x11"), framed=False)
    client.set_reading(True)
    world.peer.send(b"abc\x10\x11def")
    world.poller.run_once()
    assert world.owner.input == b"abc"
    assert world.owner.closed == ["detach-keys"]
    assert world.peer.recv(10) == b""


def test_a_client_that_closes_is_gone(world):
    world.client(stdin=False)
    world.peer.close()
    world.poller.run_once()
    assert world.owner.closed == ["eof"]


def test_the_last_input_of_a_client_that_closed_is_still_delivered(world):
    client = world.client()
    world.peer.send(b"last words")
    world.peer.close()
    world.poller.run_once()
    assert world.owner.closed == []
    client.set_reading(True)
    for _ in range(3):
        world.poller.run_once()
    assert world.owner.input == b"last words"
    assert world.owner.closed == ["eof"]


def test_unwanted_input_does_not_reset_the_connection(world):
    client = world.client(stdin=False)
    world.peer.send(b"unasked" * 1000)
    client.send(1, b"output")
    client.finish("exited")
    assert world.read_until_end().endswith(b"output")


def test_an_abandoned_client_lives_on_with_its_other_owner(world):
    kept = world.other.dup()
    client = world.client()
    client.abandon()
    kept.send(b"from the daemon")
    assert world.peer.recv(100) == b"from the daemon"
    assert world.owner.closed == []
    kept.close()
