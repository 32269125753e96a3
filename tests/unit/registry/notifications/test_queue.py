from __future__ import annotations

import os
import signal

import pytest

from baleen.errors import Unavailable
from baleen.registry.notifications.queue import EventQueue


@pytest.fixture
def path(tmp_path):
    return tmp_path / "queue"


def test_events_come_in_order_and_go_when_they_are_removed(path):
    queue = EventQueue(path)
    for number in range(5):
        queue.add("a", b"%d" % number)
    queue.add("b", b"other")
    last, events = queue.oldest("a", 3)
    assert events == [b"0", b"1", b"2"]
    queue.add("a", b"5")
    queue.remove("a", last)
    assert queue.oldest("a", 10)[1] == [b"3", b"4", b"5"]
    assert (queue.waiting("a"), queue.waiting("b"), queue.waiting("c")) == (3, 1, 0)
    assert queue.oldest("c", 10) == (0, [])
    queue.close()


def test_a_full_queue_gives_up_its_oldest(path):
    queue = EventQueue(path, most=2)
    assert [queue.add("a", b"%d" % number) for number in range(4)] == [0, 0, 1, 1]
    assert queue.oldest("a", 10)[1] == [b"2", b"3"]
    queue.close()


def test_what_is_added_outlives_a_kill(path):
    child = os.fork()
    if child == 0:
        try:
            EventQueue(path).add("a", b"event")
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    queue = EventQueue(path)
    assert queue.oldest("a", 1)[1] == [b"event"]
    assert queue.waiting("a") == 1
    queue.close()


def test_events_of_endpoints_that_are_gone_go_too(path):
    queue = EventQueue(path)
    queue.add("a", b"1")
    queue.add("b", b"2")
    queue.forget_others(frozenset({"b", "c"}))
    assert (queue.waiting("a"), queue.waiting("b")) == (0, 1)
    assert queue.oldest("a", 1)[1] == []
    queue.close()


def test_a_file_that_is_no_queue_is_an_error(path):
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(Unavailable, match="queue of events"):
        EventQueue(path)
