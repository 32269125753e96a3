import os
from contextlib import closing
from select import EPOLLIN

import pytest

from baleen.runtime.poller import Loop, Poller


@pytest.fixture
def pipe():
    ends = os.pipe()
    yield ends
    for fd in ends:
        os.close(fd)


def test_a_ready_descriptor_is_delivered(pipe):
    with closing(Poller()) as poller:
        seen = []

        def ready(events):
            seen.append((events, os.read(pipe[0], 10)))
            poller.stop()

        poller.add(pipe[0], EPOLLIN, ready)
        os.write(pipe[1], b"x")
        poller.run()
        assert seen == [(EPOLLIN, b"x")]


def test_deadlines_run_in_order_and_can_be_cancelled():
    with closing(Poller()) as poller:
        seen = []
        poller.call_later(0.02, poller.stop)
        poller.call_later(0.01, lambda: seen.append("late"))
        poller.call_later(0.0, lambda: seen.append("early"))
        poller.call_later(0.0, lambda: seen.append("never")).cancel()
        poller.run()
        assert seen == ["early", "late"]


def test_events_of_a_descriptor_that_was_replaced_are_not_delivered(pipe):
    with closing(Poller()) as poller:
        other = os.pipe()
        seen = []

        def first(_events):
            # Whoever comes first replaces the other one under the same number.
            for fd in (pipe[0], other[0]):
                poller.remove(fd)
                poller.add(fd, EPOLLIN, lambda _events, fd=fd: seen.append(fd))

        poller.add(pipe[0], EPOLLIN, first)
        poller.add(other[0], EPOLLIN, first)
        os.write(pipe[1], b"x")
        os.write(other[1], b"x")
        poller.run_once()
        assert seen == []
        poller.run_once()
        assert sorted(seen) == sorted([pipe[0], other[0]])
        for fd in other:
            os.close(fd)


def test_an_exception_takes_its_descriptor_out_and_the_rest_goes_on(pipe):
    errors = []
    with closing(Poller(errors.append)) as poller:

        def fail(_events):
            raise KeyError("bug")

        poller.add(pipe[0], EPOLLIN, fail)
        os.write(pipe[1], b"x")
        poller.run_once()
        poller.call_later(0.0, lambda: fail(0))
        poller.call_later(0.001, poller.stop)
        poller.run()
        assert [str(err) for err in errors] == ["'bug'", "'bug'"]


def test_without_a_reporter_exceptions_are_raised(pipe):
    with closing(Poller()) as poller:
        poller.call_later(0.0, lambda: [][0])
        with pytest.raises(IndexError):
            poller.run()


def test_a_clock_of_its_own_is_asked_and_called():
    with closing(Poller()) as poller:
        calls = []

        def due():
            calls.append(1)
            if len(calls) == 2:
                poller.stop()

        poller.set_clock(lambda: 0.001, due)
        poller.run()
        assert calls == [1, 1]


def test_removing_twice_is_success(pipe):
    with closing(Poller()) as poller:
        poller.add(pipe[0], EPOLLIN, lambda _events: None)
        poller.remove(pipe[0])
        poller.remove(pipe[0])


@pytest.fixture
def shares():
    """Two owners of one loop, and what was reported to each."""
    with closing(Loop()) as loop:
        errors = {}, {}
        pollers = []
        for found in errors:
            poller = Poller(lambda err, found=found: found.setdefault("error", err), loop=loop)
            poller.on_stop = lambda found=found: found.setdefault("stopped", True)
            pollers.append(poller)
        yield *pollers, *errors


def test_a_bug_is_reported_to_its_owner_alone(shares, pipe):
    one, other, of_one, of_other = shares
    other.add(pipe[0], EPOLLIN, lambda _events: {}["bug"])
    os.write(pipe[1], b"x")
    one.run_once()
    assert of_one == {}
    assert isinstance(of_other["error"], KeyError)


def test_nobody_removes_what_is_another_owners(shares, pipe):
    one, other, _, _ = shares
    seen = []
    other.add(pipe[0], EPOLLIN, seen.append)
    one.remove(pipe[0])
    os.write(pipe[1], b"x")
    one.run_once()
    assert seen == [EPOLLIN]


def test_closing_a_share_takes_all_of_it_away_and_nothing_else(shares, pipe):
    one, other, _, _ = shares
    seen = []
    one.add(pipe[0], EPOLLIN, lambda _events: seen.append("descriptor"))
    one.call_later(0.0, lambda: seen.append("deadline"))
    one.set_clock(lambda: 0.0, lambda: seen.append("clock"))
    one.close()
    os.write(pipe[1], b"x")
    other.call_later(0.001, other.stop)
    other.run()
    assert seen == []


def test_the_end_of_a_share_is_told_once_when_its_callback_has_returned(shares, pipe):
    one, other, of_one, of_other = shares
    seen = []

    def ready(_events):
        one.stop()
        one.stop()
        seen.append(dict(of_one))

    one.add(pipe[0], EPOLLIN, ready)
    os.write(pipe[1], b"x")
    other.run_once()
    assert (seen, of_one, of_other) == ([{}], {"stopped": True}, {})


def test_each_share_has_a_clock_of_its_own(shares):
    one, other, _, _ = shares
    seen = []
    one.set_clock(lambda: 0.0, lambda: seen.append("one"))
    other.set_clock(lambda: 1000.0, lambda: seen.append("other"))
    one.run_once()
    one.set_clock(None)
    assert seen == ["one"]
