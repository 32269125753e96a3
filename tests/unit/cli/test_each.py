from __future__ import annotations

import pytest

from baleen import errors
from baleen.cli.each import for_each, for_each_at_once


@pytest.fixture
def session():
    class Session:
        def __init__(self):
            self.lines = []

        def out(self, text):
            self.lines.append(("out", text))

        def warn(self, text):
            self.lines.append(("err", text))

    return Session()


def act(reference):
    if reference == "bad":
        raise errors.NotFound("no bad")
    return None if reference == "quiet" else reference


def test_all_are_tried_and_one_failure_is_enough(session):
    assert for_each(session, ["a", "bad", "quiet", "b"], act) == 1
    assert session.lines == [("out", "a"), ("err", "no bad"), ("out", "b")]
    assert for_each(session, ["a", "quiet"], act) == 0


def test_at_once_all_begin_before_one_is_awaited(session):
    order = []

    def begin(reference):
        order.append(f"begin {reference}")

        def finish():
            order.append(f"finish {reference}")
            return act(reference)

        return finish

    assert for_each_at_once(session, ["a", "bad", "b"], begin) == 1
    assert order == [f"{what} {name}" for what in ("begin", "finish") for name in ("a", "bad", "b")]
    assert session.lines == [("out", "a"), ("err", "no bad"), ("out", "b")]


def test_a_request_that_cannot_begin_fails_in_its_turn(session):
    def begin(reference):
        act(reference)
        return lambda: reference

    assert for_each_at_once(session, ["a", "bad", "b"], begin) == 1
    assert session.lines == [("out", "a"), ("err", "no bad"), ("out", "b")]


def test_no_more_than_fifty_are_under_way(session):
    under_way, most = 0, 0

    def begin(reference):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)

        def finish():
            nonlocal under_way
            under_way -= 1
            return reference

        return finish

    names = [str(number) for number in range(120)]
    assert for_each_at_once(session, names, begin) == 0
    assert (most, session.lines) == (50, [("out", name) for name in names])
