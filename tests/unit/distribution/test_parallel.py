from __future__ import annotations

import threading

import pytest

from baleen.distribution.cancellation import Cancellation, Cancelled
from baleen.distribution.parallel import run_all


def test_all_steps_run_with_so_many_at_a_time():
    lock, running, most, done = threading.Lock(), [0], [0], []
    meet = threading.Barrier(3)

    def step(number):
        def run(cancel):
            del cancel
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
            if number < 3:
                meet.wait(20)
            with lock:
                running[0] -= 1
                done.append(number)

        return run

    run_all([step(number) for number in range(8)], 3, Cancellation())
    assert sorted(done) == list(range(8))
    assert most[0] == 3


def test_the_first_failure_cancels_the_others_and_is_raised():
    started = threading.Event()

    def waits(cancel):
        started.set()
        cancel.wait(30)

    def fails(cancel):
        del cancel
        started.wait(20)
        raise ValueError("first")

    never = []
    with pytest.raises(ValueError, match="first"):
        run_all([waits, fails, lambda cancel: never.append(cancel)], 2, Cancellation())
    assert never == []


def test_the_callers_cancellation_ends_all():
    cancel = Cancellation()

    def waits(inner):
        cancel.cancel()
        inner.wait(30)

    with pytest.raises(Cancelled):
        run_all([waits, waits], 2, cancel)


def test_nothing_to_do_is_done():
    run_all([], 3, Cancellation())


def test_no_workers_are_one():
    done = []
    run_all([lambda cancel: done.append(cancel)], 0, Cancellation())
    assert len(done) == 1
