from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen import errors
from baleen.cli.parsing.quantities import (
    parse_cpus,
    parse_duration,
    parse_size,
    parse_swap_size,
    parse_timestamp,
)

BAD = ["", " ", "x", "0x10", "1_0", "\u0661", "1e3", "Infinity", "nan", "--1", "1.2.3"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("5", 5),
        ("5b", 5),
        ("1k", 1024),
        ("1K", 1024),
        ("1kb", 1024),
        ("1KiB", 1024),
        ("1.5g", 1610612736),
        ("0.5m", 524288),
        (".5m", 524288),
        ("100 mb", 104857600),
        ("2t", 2 << 40),
        ("1p", 1 << 50),
    ],
)
def test_sizes(text, expected):
    assert parse_size(text) == expected


@pytest.mark.parametrize("text", [*BAD, "-1", "1x", "1kk", "1kbb", "1bb", "1 k b", "9999999p"])
def test_sizes_that_are_none(text):
    with pytest.raises(errors.InvalidArgument):
        parse_size(text)


def test_swap_may_be_unlimited():
    assert parse_swap_size("-1") == -1
    assert parse_swap_size("1m") == 1 << 20
    with pytest.raises(errors.InvalidArgument):
        parse_swap_size("-2")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("5s", 5_000_000_000),
        ("1m30s", 90_000_000_000),
        ("1.5h", 5_400_000_000_000),
        ("-2ms", -2_000_000),
        ("+3us", 3_000),
        ("7\u00b5s", 7_000),
        ("9ns", 9),
        (".5s", 500_000_000),
    ],
)
def test_durations(text, expected):
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", [*BAD, "5", "s", "5d", "5 s", "-", "1s2", "999999999h"])
def test_durations_that_are_none(text):
    with pytest.raises(errors.InvalidArgument):
        parse_duration(text)


def test_processors():
    assert parse_cpus("1.5") == 1_500_000_000
    assert parse_cpus("0.000000001") == 1
    for text in (*BAD, "-1", "0.0000000001"):
        with pytest.raises(errors.InvalidArgument):
            parse_cpus(text)


def test_timestamps(monkeypatch):
    monkeypatch.setenv("TZ", "UTC-2")
    time.tzset()
    try:
        assert parse_timestamp("1136073845", now=0) == "1136073845.000000000"
        assert parse_timestamp("1136073845.5", now=0) == "1136073845.500000000"
        assert parse_timestamp("10m", now=1000.0) == "400.000000000"
        assert parse_timestamp("2006-01-02T15:04:05Z", now=0) == "1136214245.000000000"
        assert parse_timestamp("2006-01-02T15:04:05.25Z", now=0) == "1136214245.250000000"
        assert parse_timestamp("2006-01-02T15:04:05+01:00", now=0) == "1136210645.000000000"
        # Without a zone the time is local: two hours ahead here.
        assert parse_timestamp("2006-01-02T15:04:05", now=0) == "1136207045.000000000"
        assert parse_timestamp("2006-01-02T15:04", now=0) == "1136207040.000000000"
        assert parse_timestamp("2006-01-02", now=0) == "1136152800.000000000"
        assert parse_timestamp("2006-01-02Z", now=0) == "1136160000.000000000"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "text", ["xx", "2006", "2006-13-01", "2006-01-02T1:2:3:4", "2006-01-02T25"]
)
def test_timestamps_that_are_none(text):
    if text == "2006":
        assert parse_timestamp(text, now=0) == "2006.000000000"
        return
    with pytest.raises(errors.InvalidArgument, match="time or duration"):
        parse_timestamp(text, now=0)


@given(st.text(max_size=20))
def test_any_text_is_a_quantity_or_refused(text):
    for parse in (parse_size, parse_duration, parse_cpus, lambda t: parse_timestamp(t, now=1.0)):
        try:
            parse(text)
        except errors.InvalidArgument:
            continue
        assert text.strip()
