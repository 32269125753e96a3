"""Patterns over values find what a backtracking expression finds."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.build.dockerfile.shell_patterns import ShellPattern
from baleen.errors import InvalidArgument

PATTERNS = st.text("ab*?", max_size=5)
VALUES = st.text("abc", max_size=7)


def _regex(pattern: str, star: str) -> str:
    return "".join({"*": star, "?": "."}.get(one, one) for one in pattern)


@given(PATTERNS, VALUES, st.booleans())
def test_a_prefix_is_the_shortest_or_longest(pattern, value, longest):
    ends = [
        end for end in range(len(value) + 1) if re.fullmatch(_regex(pattern, ".*"), value[:end])
    ]
    expected = value[(max(ends) if longest else min(ends)) :] if ends else value
    assert ShellPattern(pattern).without_prefix(value, longest=longest) == expected


@given(PATTERNS, VALUES, st.booleans())
def test_a_suffix_is_the_shortest_or_longest(pattern, value, longest):
    begins = [at for at in range(len(value) + 1) if re.fullmatch(_regex(pattern, ".*"), value[at:])]
    expected = value[: (min(begins) if longest else max(begins))] if begins else value
    assert ShellPattern(pattern).without_suffix(value, longest=longest) == expected


@given(PATTERNS, VALUES)
def test_the_first_match_is_replaced(pattern, value):
    expected = re.sub(_regex(pattern, ".*"), "X", value, count=1)
    assert ShellPattern(pattern).replaced(value, "X", everywhere=False) == expected


@given(PATTERNS, VALUES)
def test_every_match_is_replaced_and_none_twice(pattern, value):
    # Go, unlike Python, does not match the empty text just behind a match.
    expected, position, end = "", 0, -1
    for found in re.finditer(_regex(pattern, ".*"), value):
        if found.start() == found.end() == end:
            continue
        expected += value[position : found.start()] + "X"
        position = end = found.end()
    assert (
        ShellPattern(pattern).replaced(value, "X", everywhere=True) == expected + value[position:]
    )


@pytest.mark.parametrize("character", ["*", "?", "\\", "}", "/"])
def test_an_escaped_character_stands_for_itself(character):
    assert ShellPattern("\\" + character).without_prefix(character + "x", longest=True) == "x"


@pytest.mark.parametrize("text", ["\\a", "\\", "a" * 1025])
def test_meaningless_escapes_and_long_patterns_are_errors(text):
    with pytest.raises(InvalidArgument):
        ShellPattern(text)
