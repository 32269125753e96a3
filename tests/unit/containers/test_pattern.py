"""Patterns of clients: the same answers as a regular expression, in linear time (attack Y05)."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.containers.pattern import compile_pattern
from baleen.errors import InvalidArgument

PATTERNS = [
    "web",
    "^web",
    "web$",
    "^/web$",
    "^/(web|db)$",
    "w.b",
    "we*b",
    "(we)+b",
    "wx?eb",
    "[a-c]+",
    "[^a-c]",
    "a{2}",
    "a{2,}",
    "a{1,3}$",
    "(ab){2}",
    r"\d+",
    r"^\w+$",
    r"a\.b",
    "",
    "^$",
    "a|",
    "(?:a|b)c",
    "[]a]",
    "[a-]",
    "(a|ab)(c|bcd)$",
    ".*b.*",
    "^a*?$",
]


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize(
    "text",
    [
        "",
        "web",
        "/web",
        "db",
        "/db",
        "wb",
        "wweebb",
        "a",
        "aa",
        "aaaa",
        "abab",
        "abcd",
        "a.b",
        "5",
        "-",
        "]",
        "acb",
    ],
)
def test_matches_like_pythons_engine(pattern, text):
    expected = re.search(pattern, text, re.ASCII) is not None
    # In Python `$` also matches before a final newline; these texts have none.
    assert compile_pattern(pattern)(text) == expected


@given(st.text("ab|*()?+.^$", max_size=12), st.text("ab", max_size=12))
def test_random_patterns_agree_or_are_refused(pattern, text):
    try:
        ours = compile_pattern(pattern)
    except InvalidArgument:
        return
    try:
        theirs = re.compile(pattern)
    except re.error:
        return
    assert ours(text) == (theirs.search(text) is not None)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*$", "(a*)*b", "(.*)*x", "(a?){60}a{60}"])
def test_no_pattern_takes_exponential_time(pattern):
    match = compile_pattern(pattern)
    begin = time.perf_counter()
    match("a" * 60 + "!")
    assert time.perf_counter() - begin < 0.5


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        ")",
        "[a",
        "*a",
        "a**",
        "a{",
        "a{3,1}",
        "a{1000}",
        "(?=a)",
        r"\b",
        "a\\",
        "x" * 2000,
        "(((a{99}){99}){99})",
        "[z-a]",
        "(" * 900,
    ],
)
def test_what_it_does_not_know_is_refused(pattern):
    with pytest.raises(InvalidArgument, match="invalid pattern"):
        compile_pattern(pattern)
