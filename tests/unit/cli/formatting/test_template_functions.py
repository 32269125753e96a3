from __future__ import annotations

import pytest

from baleen.cli.formatting.rows import Row
from baleen.cli.formatting.template_functions import FUNCTIONS, truth, value_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "<no value>"),
        ([None], "[<nil>]"),
        (True, "true"),
        (1.0, "1"),
        (0.1, "0.1"),
        (1e21, "1e+21"),
        ({"b": 1, "a": [True]}, "map[a:[true] b:1]"),
        ("x", "x"),
    ],
)
def test_values_are_written_as_go_does(value, text):
    assert value_text(value) == text


def test_truth_is_gos():
    assert [truth(v) for v in (0, "", None, [], {}, False)] == [False] * 6
    assert [truth(v) for v in (1, "x", [0], {"a": 0}, True, Row({}))] == [True] * 6


def test_a_boolean_does_not_equal_a_number():
    assert not FUNCTIONS["eq"](1, True)
    assert FUNCTIONS["eq"]("a", "b", "a")
