"""runtime.dns_events: descriptors and timers, on a clock that the test moves."""

import os
import select

import pytest

from baleen.runtime.dns_events import Events


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def events(clock):
    events = Events(clock)
    yield events
    events.close()


def test_a_timer_fires_when_it_is_due_and_once(events, clock):
    fired = []
    events.call_later(2, lambda: fired.append(clock.now))
    assert events.next_timeout() == 2
    events.turn()
    assert fired == []
    clock.now += 5
    assert events.next_timeout() == 0
    events.turn()
    events.turn()
    assert fired == [105.0]
    assert events.next_timeout() is None


def test_timers_fire_in_order_of_time(events, clock):
    fired = []
    for delay in (3, 1, 2):
        events.call_later(delay, lambda delay=delay: fired.append(delay))
    clock.now += 10
    events.turn()
    assert fired == [1, 2, 3]


def test_a_cancelled_timer_does_not_count(events):
    events.call_later(1, lambda: None).cancel()
    assert events.next_timeout() is None


def test_cancelled_timers_do_not_pile_up(events):
    for _ in range(10_000):
        events.call_later(5, lambda: None).cancel()
    assert len(events._timers) <= 1024


def test_live_timers_survive_the_tidying(events, clock):
    fired = []
    for number in range(2000):
        events.call_later(1, lambda number=number: fired.append(number))
    clock.now += 1
    events.turn()
    assert sorted(fired) == list(range(2000))


def test_a_ready_descriptor_calls_its_handler_until_removed(events):
    reader, writer = os.pipe()
    calls = []
    events.add(reader, select.EPOLLIN, calls.append)
    os.write(writer, b"x")
    assert select.select([events.fileno()], [], [], 0)[0]
    events.turn()
    events.remove(reader)
    events.remove(reader)
    events.turn()
    os.close(reader)
    os.close(writer)
    assert calls == [select.EPOLLIN]


def test_a_handler_that_another_one_removed_is_not_called(events):
    pipes = [os.pipe() for _ in range(2)]
    calls = []

    def remove_both(mask):
        calls.append(mask)
        for reader, _ in pipes:
            events.remove(reader)

    for reader, writer in pipes:
        os.write(writer, b"x")
        events.add(reader, select.EPOLLIN, remove_both)
    events.turn()
    for pair in pipes:
        for fd in pair:
            os.close(fd)
    assert len(calls) == 1
