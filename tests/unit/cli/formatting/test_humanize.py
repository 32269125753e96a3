from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen import errors
from baleen.cli.formatting.humanize import (
    ago,
    binary_size,
    decimal_size,
    duration,
    ellipsis,
    parse_rfc3339,
    short_id,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.5, "Less than a second"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "About a minute"),
        (119, "About a minute"),
        (120, "2 minutes"),
        (3599, "59 minutes"),
        (3600, "About an hour"),
        (2 * 3600, "2 hours"),
        (47 * 3600, "47 hours"),
        (48 * 3600, "2 days"),
        (13 * 86400, "13 days"),
        (14 * 86400, "2 weeks"),
        (59 * 86400, "8 weeks"),
        (60 * 86400, "2 months"),
        (729 * 86400, "24 months"),
        (730 * 86400, "2 years"),
    ],
)
def test_durations_have_dockers_words(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "precision", "text"),
    [
        (0, 3, "0B"),
        (999, 3, "999B"),
        (1000, 3, "1kB"),
        (4262144, 3, "4.26MB"),
        (999_999, 3, "1000kB"),
        (1_980_000, 4, "1.98MB"),
        (12_345_678_901, 4, "12.35GB"),
    ],
)
def test_decimal_sizes(size, precision, text):
    assert decimal_size(size, precision) == text


def test_binary_sizes():
    assert binary_size(8_216_000_000) == "7.652GiB"
    assert binary_size(1023) == "1023B"
    assert binary_size(1 << 20) == "1MiB"


@given(st.integers(0, 1 << 70))
def test_a_size_never_has_an_exponent(size):
    assert "e" not in decimal_size(size, 3).rstrip("Ei B")
    assert "+" not in binary_size(size)


def test_small_things():
    assert ago(100, 105) == "5 seconds ago"
    assert ellipsis("abcdef", 4) == "abc\u2026"
    assert ellipsis("abc", 4) == "abc"
    assert short_id("sha256:" + "a" * 64) == "a" * 12


def test_times():
    assert parse_rfc3339("1970-01-01T00:00:01.5Z") == 1.5
    assert parse_rfc3339("1970-01-01T01:00:00+01:00") == 0
    for text in (
        "",
        "x",
        "1970-01-01",
        "1970-01-01T00:00:00",
        "1970-01-01T00:00:00+1:00",
        "1970-01-01T00:00:00.Z",
        "1970-13-01T00:00:00Z",
    ):
        with pytest.raises(errors.InvalidArgument):
            parse_rfc3339(text)
