import gc
import os
import socket
import struct
import weakref
from contextlib import closing, suppress

import pytest

from baleen.errors import InvalidArgument
from baleen.runtime.logfile import LogFile
from baleen.runtime.poller import Poller
from baleen.runtime.stdio import ProcessStreams, close_stdio, open_pipes


class Process:
    """The other ends of a process's streams."""

    def __init__(self, *, stdin=True):
        self.ours, child = open_pipes(stdin=stdin)
        self.stdin, self.stdout, self.stderr = child.stdin, child.stdout, child.stderr
        self.child = child

    def end(self):
        close_stdio(self.child)


class World:
    def __init__(self, poller, **options):
        self.poller, self.left, self.sockets = poller, [], []
        settings = {"tty": False, "close_stdin": True}
        self.streams = ProcessStreams(
            poller,
            on_detached=lambda client, reason: self.left.append((client.number, reason)),
            **{**settings, **options},
        )

    def attach(self, number=1, **options):
        peer, other = socket.socketpair()
        self.sockets.append(peer)
        settings = {"streams": frozenset({1, 2}), "stdin": False, "framed": True}
        self.streams.attach(other.detach(), number=number, **{**settings, **options})
        return peer

    def turn(self):
        """Serve what is ready now, and nothing that comes later."""
        done = []
        self.poller.call_later(0, lambda: done.append(1))
        while not done:
            self.poller.run_once()


@pytest.fixture
def poller():
    with closing(Poller()) as poller:
        yield poller


def unframe(data):
    out = {1: b"", 2: b""}
    while data:
        stream, size = struct.unpack_from(">BxxxL", data)
        out[stream] += data[8 : 8 + size]
        data = data[8 + size :]
    return out


def everything(world, peer):
    data = b""
    peer.setblocking(False)
    while True:
        try:
            chunk = peer.recv(1 << 20)
        except BlockingIOError:
            world.turn()
            continue
        if not chunk:
            peer.close()
            return data
        data += chunk


def test_unwanted_streams_are_null():
    ours, child = open_pipes(stdin=False, stderr=False)
    assert ours.stdin is None
    assert list(ours.outputs) == [1]
    assert os.fstat(child.stdin).st_rdev == os.stat("/dev/null").st_rdev
    assert child.stdin == child.stderr
    assert os.get_blocking(child.stdout)
    assert not os.get_blocking(ours.outputs[1])
    close_stdio(child)
    ours.close()


def test_output_goes_to_the_log_and_to_all_who_asked(poller, tmp_path):
    world, process = World(poller), Process()
    both, err = world.attach(1), world.attach(2, streams=frozenset({2}))
    world.streams.begin(process.ours, LogFile(str(tmp_path / "log")))
    os.write(process.stdout, b"out\n")
    os.write(process.stderr, b"err\n")
    process.end()
    assert world.streams.finish()
    world.streams.close("exited")
    assert unframe(everything(world, both)) == {1: b"out\n", 2: b"err\n"}
    assert unframe(everything(world, err)) == {1: b"", 2: b"err\n"}
    assert world.left == [(1, "exited"), (2, "exited")]
    assert len((tmp_path / "log").read_text().splitlines()) == 2


def test_half_close_closes_the_processs_stdin(poller):
    world, process = World(poller), Process()
    peer = world.attach(stdin=True, early=b"a")
    world.streams.begin(process.ours)
    peer.send(b"bc")
    peer.shutdown(socket.SHUT_WR)
    world.turn()
    assert os.read(process.stdin, 100) == b"abc"
    world.turn()
    assert os.read(process.stdin, 100) == b""
    process.end()
    world.streams.finish()
    world.streams.close("exited")
    peer.close()


def test_half_close_ends_the_attachment_when_stdin_stays_open(poller):
    world, process = World(poller, close_stdin=False), Process()
    peer = world.attach(stdin=True)
    world.streams.begin(process.ours)
    peer.shutdown(socket.SHUT_WR)
    world.turn()
    assert world.left == [(1, "eof")]
    assert peer.recv(10) == b""
    os.set_blocking(process.stdin, False)
    with pytest.raises(BlockingIOError):
        os.read(process.stdin, 1)
    process.end()
    world.streams.close("exited")
    peer.close()


def test_input_that_is_not_read_is_not_taken_and_not_lost(poller):
    world, process = World(poller), Process()
    peer = world.attach(stdin=True)
    world.streams.begin(process.ours)
    data = os.urandom(1 << 20)
    peer.setblocking(False)
    sent, received = 0, b""
    os.set_blocking(process.stdin, False)
    while len(received) < len(data):
        with suppress(BlockingIOError):
            sent += peer.send(data[sent : sent + 65536])
        world.turn()
        try:
            received += os.read(process.stdin, 10_000)
        except BlockingIOError:
            continue
    assert received == data
    process.end()
    world.streams.close("exited")
    peer.close()


def test_a_slow_client_stops_the_reading_of_its_stream_only(poller):
    world, process = World(poller), Process()
    slow = world.attach(1, streams=frozenset({1}))
    quick = world.attach(2, streams=frozenset({2}))
    world.streams.begin(process.ours)
    os.set_blocking(process.stdout, False)
    written = 0
    for _ in range(1000):
        try:
            written += os.write(process.stdout, b"x" * 65536)
        except BlockingIOError:
            before = written
            world.turn()
            try:
                written += os.write(process.stdout, b"x" * 65536)
            except BlockingIOError:
                break
            assert written > before
    assert world.streams.backlog < 3 << 20
    os.write(process.stderr, b"heard")
    world.turn()
    assert unframe(quick.recv(100))[2] == b"heard"
    process.end()
    assert world.streams.finish()
    world.streams.close("exited")
    assert len(unframe(everything(world, slow))[1]) == written
    quick.close()


def test_a_client_that_goes_frees_the_process(poller):
    world, process = World(poller), Process()
    slow = world.attach()
    world.streams.begin(process.ours)
    os.set_blocking(process.stdout, False)
    for _ in range(200):
        try:
            os.write(process.stdout, b"x" * 65536)
        except BlockingIOError:
            world.turn()
    slow.close()
    world.turn()
    assert world.left == [(1, "eof")]
    world.turn()
    assert os.write(process.stdout, b"x")
    process.end()
    assert world.streams.finish()
    world.streams.close("exited")


def test_output_held_open_by_another_is_not_the_end(poller):
    world, process = World(poller), Process()
    ends = []
    world.streams.begin(process.ours)
    held = os.dup(process.stdout)
    process.end()
    assert not world.streams.finish()
    assert not world.streams.ended
    world.streams.on_end = lambda: ends.append(1)
    os.close(held)
    world.turn()
    assert ends == [1]
    assert world.streams.ended
    world.streams.close("exited")


def test_malformed_detach_keys_leave_the_descriptor(poller):
    world = World(poller, tty=True)
    peer, other = socket.socketpair()
    with pytest.raises(InvalidArgument):
        world.streams.attach(
            other.fileno(),
            number=1,
            streams=frozenset({1}),
            stdin=True,
            framed=False,
            detach_keys="ctrl-1",
        )
    assert other.send(b"x")
    peer.close()
    other.close()


def test_closed_streams_are_freed_without_a_garbage_collector(poller):
    world, process = World(poller), Process()
    peer = world.attach(stdin=True)
    world.streams.begin(process.ours)
    process.end()
    world.streams.finish()
    world.streams.close("exited")
    freed = weakref.ref(world.streams)
    gc.disable()
    try:
        del world.streams
        assert freed() is None
    finally:
        gc.enable()
    peer.close()


def test_without_begin_clients_are_closed(poller):
    world = World(poller)
    peer = world.attach()
    world.streams.close("error")
    assert world.left == [(1, "error")]
    assert peer.recv(1) == b""
    peer.close()
