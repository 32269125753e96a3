"""Which signal asks a container to end, and how long it may take."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from baleen.engine.stop_rules import is_wish_to_end, stop_signal, stop_timeout
from baleen.errors import InvalidArgument


def record(signal="", timeout=None):
    return SimpleNamespace(config=SimpleNamespace(stop_signal=signal, stop_timeout=timeout))


@pytest.mark.parametrize(
    ("own", "asked", "number"),
    [("", None, 15), ("SIGINT", None, 2), ("SIGINT", "SIGHUP", 1), ("", "9", 9), ("", "", 15)],
)
def test_the_request_goes_before_the_image_before_the_default(own, asked, number):
    assert stop_signal(record(own), asked) == number


def test_a_signal_that_is_none():
    with pytest.raises(InvalidArgument):
        stop_signal(record(), "SIGNONSENSE")


@pytest.mark.parametrize(
    ("own", "asked", "seconds"),
    [(None, None, 10), (3, None, 3), (3, 0, 0), (None, -1, None), (-1, None, None)],
)
def test_how_long(own, asked, seconds):
    assert stop_timeout(record(timeout=own), asked) == seconds


def test_any_signal_is_a_wish_to_end_unless_there_is_a_stop_signal():
    assert is_wish_to_end(record(), 1)
    assert is_wish_to_end(record("SIGINT"), 2)
    assert not is_wish_to_end(record("SIGINT"), 1)
