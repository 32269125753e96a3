from __future__ import annotations

import threading
import time

import pytest

from baleen.distribution.cancellation import Cancellation, Cancelled


def test_it_is_cancelled_once_and_for_ever():
    cancel, told = Cancellation(), []
    with cancel.on_cancel(lambda: told.append(1)):
        cancel.check()
        cancel.cancel()
        cancel.cancel()
    assert told == [1]
    with pytest.raises(Cancelled, match="context canceled"):
        cancel.check()


def test_a_callback_that_comes_late_is_called_at_once():
    cancel, told = Cancellation(), []
    cancel.cancel()
    with cancel.on_cancel(lambda: told.append(1)):
        assert told == [1]


def test_a_callback_is_forgotten_with_its_block():
    cancel, told = Cancellation(), []
    with cancel.on_cancel(lambda: told.append(1)):
        pass
    cancel.cancel()
    assert told == []


def test_a_callback_that_fails_does_not_keep_the_others_from_being_called():
    cancel, told = Cancellation(), []

    def fails():
        raise OSError

    with cancel.on_cancel(fails), cancel.on_cancel(lambda: told.append(1)):
        cancel.cancel()
    assert told == [1]


def test_children_end_with_their_parent_but_not_the_other_way_round():
    parent = Cancellation()
    with parent.child() as first, parent.child() as second:
        first.cancel()
        assert not parent.cancelled
        assert not second.cancelled
        parent.cancel()
        assert second.cancelled


def test_a_wait_ends_with_the_cancellation():
    cancel = Cancellation()
    begun = time.monotonic()
    threading.Timer(0.02, cancel.cancel).start()
    with pytest.raises(Cancelled):
        cancel.wait(30)
    assert time.monotonic() - begun < 10
    Cancellation().wait(0)
