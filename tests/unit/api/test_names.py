from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.api.names import check_container_name, is_name
from baleen.errors import InvalidArgument


def test_names_of_the_grammar_are_taken_and_the_slash_is_cut():
    for name in ("ab", "a1", "0_.-", "A" * 200):
        assert check_container_name("/" + name) == check_container_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "a", "/", "_a", ".a", "-a", "a/b", "a b", "a\n", "ab\n", "\u0661a", "\u00e4b",
     "a\0b", "a" * 5000, "//ab"]
)  # fmt: skip
def test_other_names_are_refused(name):
    with pytest.raises(InvalidArgument, match=r"^Invalid container name \("):
        check_container_name(name)


@given(st.text(max_size=8))
def test_the_grammar_is_ascii(text):
    assert is_name(text) == bool(re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.\-]+\Z", text, re.ASCII))
