"""RFC 3339 with nanoseconds, and what clients give as since and until."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.containers.times import format_time, parse_time, parse_timestamp
from baleen.errors import InvalidArgument


def test_trailing_zeros_are_cut_as_go_does():
    assert format_time(0) == "1970-01-01T00:00:00Z"
    assert format_time(1_500_000_000) == "1970-01-01T00:00:01.5Z"
    assert format_time(1) == "1970-01-01T00:00:00.000000001Z"


@given(st.integers(min_value=0, max_value=4 * 10**18))
def test_round_trip(nanoseconds):
    assert parse_time(format_time(nanoseconds)) == nanoseconds


def test_offsets_and_the_zero_time():
    assert parse_time("2026-01-02T03:04:05+01:00") == parse_time("2026-01-02T02:04:05Z")
    assert parse_time("2026-01-02T03:04:05-01:30") == parse_time("2026-01-02T04:34:05Z")
    assert parse_time("0001-01-01T00:00:00Z") < 0


@pytest.mark.parametrize(
    "text",
    ["", "now", "2026-01-02", "2026-13-02T03:04:05Z", "2026-01-02T25:04:05Z", "2026-01-02T03:04:05",
     "\uff12026-01-02T03:04:05Z", "2026-01-02T03:04:05Z\n"],
)  # fmt: skip
def test_malformed_times(text):
    with pytest.raises(InvalidArgument):
        parse_time(text)


def test_timestamps():
    assert parse_timestamp("", parameter="since") is None
    assert parse_timestamp("12", parameter="since") == 12_000_000_000
    assert parse_timestamp("12.000000001", parameter="since") == 12_000_000_001
    assert parse_timestamp("12.5", parameter="since") == 12_500_000_000
    assert parse_timestamp("-1.5", parameter="since") == -1_500_000_000
    assert parse_timestamp("1970-01-01T00:00:01Z", parameter="since") == 1_000_000_000


@pytest.mark.parametrize(
    "text", ["1_0", " 1", "1e3", "0x10", "\u0661", "1.", "inf", "nan", "9" * 30]
)
def test_pythons_lenient_numbers_are_no_timestamps(text):
    with pytest.raises(InvalidArgument, match='invalid value for "until"'):
        parse_timestamp(text, parameter="until")
