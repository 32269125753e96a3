"""Truth values in Go's forms."""

from __future__ import annotations

import pytest

from baleen.api.booleans import parse_boolean


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ("1 t T true TRUE True", True),
        ("0 f F false FALSE False", False),
        ("yes no on off tRUE 2 -1", None),
    ],
)
def test_only_the_forms_of_go_count(texts, expected):
    assert {parse_boolean(text) for text in texts.split()} == {expected}
    assert parse_boolean("") is None
