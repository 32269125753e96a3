from __future__ import annotations

import os
import signal
import socket
import threading

import pytest

from baleen import errors
from baleen.cli.signals import SignalWatch
from baleen.cli.streaming import Pump, write_all
from baleen.client.client import HijackedStream


@pytest.fixture
def link():
    ours, theirs = socket.socketpair()
    theirs.settimeout(20)
    yield ours, theirs
    ours.close()
    theirs.close()


@pytest.fixture
def pipe():
    read, write = os.pipe()
    ends = [read, write]
    yield ends
    for end in ends:
        if end >= 0:
            os.close(end)


def hijacked(stream, early=b""):
    return HijackedStream(stream, early, "")


def test_frames_are_split_to_both_streams(link, fakes, capfd):
    ours, theirs = link
    data = fakes.frame(1, b"out") + fakes.frame(2, b"err") + fakes.frame(1, b"!")
    theirs.sendall(data[5:])
    theirs.shutdown(socket.SHUT_WR)
    assert Pump(hijacked(ours, data[:5]), raw=False, stdin=None).run() is False
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("out!", "err")
    assert theirs.recv(10) == b""  # no input: its end is told at once


def test_the_end_of_input_is_passed_on_while_output_goes_on(link, pipe, capfd):
    ours, theirs = link

    def peer():
        data = b""
        while piece := theirs.recv(100):
            data += piece
        theirs.sendall(data.upper())
        theirs.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=peer)
    thread.start()
    os.write(pipe[1], b"text")
    os.close(pipe[1])
    pipe[1] = -1
    Pump(hijacked(ours), raw=True, stdin=pipe[0]).run()
    thread.join(20)
    assert capfd.readouterr().out == "TEXT"


def test_a_peer_that_does_not_read_does_not_block_its_output(link, pipe, capfd):
    ours, theirs = link
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    os.set_blocking(pipe[1], False)
    while True:  # more input than the connection takes
        try:
            os.write(pipe[1], b"x" * 4096)
        except BlockingIOError:
            break
    theirs.sendall(b"output")
    theirs.shutdown(socket.SHUT_WR)
    assert Pump(hijacked(ours), raw=True, stdin=pipe[0]).run() is False
    assert capfd.readouterr().out == "output"


def test_detach_keys_end_the_session_and_are_not_sent(link, pipe):
    ours, theirs = link
    os.write(pipe[1], b"ab\x10\x11cd")
    assert Pump(hijacked(ours), raw=True, stdin=pipe[0], keys=b"\x10\x11").run() is True
    ours.close()
    assert theirs.recv(100) == b"ab"


def test_a_session_of_input_alone_ends_with_it(link, pipe):
    ours, theirs = link
    os.write(pipe[1], b"in")
    os.close(pipe[1])
    pipe[1] = -1
    pump = Pump(hijacked(ours), raw=True, stdin=pipe[0], output_ends=False)
    assert pump.run() is False
    assert theirs.recv(100) == b"in"


def test_signals_are_handed_out_between_bytes(link):
    ours, theirs = link
    seen = []

    def on_signal(number):
        seen.append(number)
        theirs.shutdown(socket.SHUT_WR)

    with SignalWatch([signal.SIGUSR1]) as watch:
        os.kill(os.getpid(), signal.SIGUSR1)
        Pump(hijacked(ours), raw=True, stdin=None, watch=watch, on_signal=on_signal).run()
    assert seen == [signal.SIGUSR1]


def test_malformed_frames_are_an_error(link):
    ours, theirs = link
    theirs.sendall(b"\x07\x00\x00\x00\x00\x00\x00\x01x")
    with pytest.raises(errors.DataLoss):
        Pump(hijacked(ours), raw=False, stdin=None).run()


def test_everything_is_written_to_a_full_pipe(pipe):
    os.set_blocking(pipe[1], False)
    data = os.urandom(300_000)
    got = []

    def read():
        size = 0
        while size < len(data):
            got.append(os.read(pipe[0], 65536))
            size += len(got[-1])

    thread = threading.Thread(target=read)
    thread.start()
    write_all(pipe[1], data)
    thread.join(20)
    assert b"".join(got) == data
