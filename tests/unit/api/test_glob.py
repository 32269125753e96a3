"""Patterns match as Go's filepath.Match does, in bounded time."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.api import glob

# See: Go path/filepath/match_test.go (the facts, not the text).
CASES = [
    ("abc", "abc", True),
    ("*", "abc", True),
    ("*c", "abc", True),
    ("a*", "a", True),
    ("a*", "abc", True),
    ("a*", "ab/c", False),
    ("a*/b", "abc/b", True),
    ("a*/b", "a/c/b", False),
    ("a*b*c*d*e*/f", "axbxcxdxe/f", True),
    ("a*b*c*d*e*/f", "axbxcxdxexxx/f", True),
    ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", False),
    ("a*b*c*d*e*/f", "axbxcxdxexxx/fff", False),
    ("a*b?c*x", "abxbbxdbxebxczzx", True),
    ("a*b?c*x", "abxbbxdbxebxczzy", False),
    ("ab[c]", "abc", True),
    ("ab[b-d]", "abc", True),
    ("ab[e-g]", "abc", False),
    ("ab[^c]", "abc", False),
    ("ab[^b-d]", "abc", False),
    ("ab[^e-g]", "abc", True),
    ("a\\*b", "a*b", True),
    ("a\\*b", "ab", False),
    ("a?b", "a☺b", True),
    ("a[^a]b", "a☺b", True),
    ("a???b", "a☺b", False),
    ("[a-\N{GREEK SMALL LETTER ZETA}]*", "\N{GREEK SMALL LETTER BETA}", True),
    ("*[a-\N{GREEK SMALL LETTER ZETA}]", "A", False),
    ("a?b", "a/b", False),
    ("a*b", "a/b", False),
    ("[\\]a]", "]", True),
    ("[\\-]", "-", True),
    ("[x\\-]", "x", True),
    ("[x\\-]", "z", False),
    ("[\\-x]", "a", False),
    ("*x", "xxx", True),
    ("", "", True),
    ("", "a", False),
    ("a.b", "axb", False),
    ("a[^x]b", "a/b", True),
    ("*[^a]b*c", "xb/bc", True),
    ("a\nb", "a\nb", True),
    ("*", "a\nb", True),
]
MALFORMED = ["[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "[", "[^", "[^bc", "a[", "a\\", "[\\", "[a"]


@pytest.mark.parametrize(("pattern", "name", "expected"), CASES)
def test_a_pattern_matches_as_in_go(pattern, name, expected):
    assert glob.match(pattern, name) is expected


@pytest.mark.parametrize("pattern", MALFORMED)
def test_a_malformed_pattern_is_an_error_whatever_the_name(pattern):
    with pytest.raises(glob.PatternError, match=r"^syntax error in pattern$"):
        glob.match(pattern, "zzz")


def test_a_pattern_longer_than_a_path_is_refused():
    with pytest.raises(glob.PatternError, match="4096"):
        glob.match("a" * 4097, "a")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a", False), ("a\\*b", False), ("a*", True), ("a?", True), ("[a]", True), ("\\\\*", True)],
)
def test_wildcards_are_found_unless_escaped(name, expected):
    assert glob.has_wildcard(name) is expected


@pytest.mark.parametrize("pattern", ["*a" * 200 + "b", "*[^x]" * 200 + "b", "*?" * 200 + "b"])
def test_many_wildcards_do_not_blow_up(pattern):
    begin = time.monotonic()
    assert not glob.match(pattern, "a" * 4000)
    assert time.monotonic() - begin < 2


def test_many_double_stars_do_not_blow_up():
    for pattern in ("**/a/" * 200 + "b", "a**x" * 200, "**/*a" * 200):
        matches = glob.compile_elements(glob.parse_pattern(pattern, double_stars=True))
        begin = time.monotonic()
        assert not matches("a/" * 2000)
        assert time.monotonic() - begin < 3


def _backtracking(elements) -> re.Pattern[str]:
    """The same as an ordinary expression, as moby/patternmatcher builds it."""
    text = ""
    for element in elements:
        if isinstance(element, glob.Literal):
            text += re.escape(element.character)
        elif isinstance(element, glob.CharacterClass):
            inside = "".join(f"{re.escape(a)}-{re.escape(b)}" for a, b in element.ranges)
            text += f"[{'^' * element.negated}{inside}]"
        else:
            text += {
                glob.ANY: "[^/]",
                glob.STAR: "[^/]*",
                glob.DIRECTORIES: "(.*/)?",
                glob.REST: ".*",
            }[element]
    return re.compile(text, re.DOTALL)


@given(
    st.lists(
        st.sampled_from(["a", "b", "/", "*", "?", "**", "**/", "/**/", "[ab]", "[^a]"]), max_size=7
    ),
    st.text("ab/", max_size=9),
)
def test_both_ways_of_matching_agree_with_a_backtracking_expression(parts, name):
    elements = glob.parse_pattern("".join(parts), double_stars=True)
    expected = _backtracking(elements).fullmatch(name) is not None
    assert glob.compile_elements(elements)(name) is expected
    assert glob._Stepper(elements).matches(name) is expected
