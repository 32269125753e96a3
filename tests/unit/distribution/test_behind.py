from __future__ import annotations

import threading

import pytest

from baleen.distribution.behind import WriteBehind


class Sink:
    def __init__(self, failure=None):
        self.data = b""
        self.failure = failure
        self.thread = None

    def write(self, data):
        if self.failure is not None:
            raise self.failure
        self.thread = threading.current_thread()
        self.data += bytes(data)


def fill(behind, text):
    buffer = behind.buffer()
    buffer[: len(text)] = text
    behind.write(buffer, len(text))


def test_all_is_written_in_order_by_another_thread():
    sink = Sink()
    with WriteBehind(sink, 10) as behind:
        for number in range(50):
            fill(behind, b"%03d" % number)
    assert sink.data == b"".join(b"%03d" % number for number in range(50))
    assert sink.thread is not threading.current_thread()
    assert not sink.thread.is_alive()


def test_there_are_two_buffers_and_no_more():
    gate = threading.Event()

    class Slow(Sink):
        def write(self, data):
            gate.wait(20)
            super().write(data)

    sink = Slow()
    with WriteBehind(sink, 10) as behind:
        fill(behind, b"a")
        fill(behind, b"b")
        assert behind._free.empty()
        gate.set()
        fill(behind, b"c")
    assert sink.data == b"abc"


def test_what_came_before_a_failure_of_the_reader_is_written():
    sink = Sink()

    def cut():
        with WriteBehind(sink, 10) as behind:
            fill(behind, b"kept")
            raise ValueError("cut")

    with pytest.raises(ValueError, match="cut"):
        cut()
    assert sink.data == b"kept"


def test_a_failure_of_the_writer_reaches_the_reader():
    sink = Sink(OSError("full"))

    def write_much():
        with WriteBehind(sink, 10) as behind:
            for _ in range(10):
                fill(behind, b"x")

    with pytest.raises(OSError, match="full"):
        write_much()


def test_a_failure_at_the_end_is_not_lost():
    with pytest.raises(OSError, match="full"), WriteBehind(Sink(OSError("full")), 10) as behind:
        fill(behind, b"x")
