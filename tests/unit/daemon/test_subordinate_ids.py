from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.daemon.subordinate_ids import (
    IdRange,
    first_free,
    parse_ranges,
    ranges_of,
    read_ranges,
)
from baleen.errors import FailedPrecondition


def test_lines_are_ranges_in_their_order_and_comments_nothing():
    text = "# by hand\n\n  me:200000:10  \n1000:5:1\nme:100000:65536\n"
    assert parse_ranges(text, "f") == [
        IdRange("me", 200000, 10),
        IdRange("1000", 5, 1),
        IdRange("me", 100000, 65536),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "me", "me:1", "me:1:2:3", ":1:2", "me::2", "me:1:", "me:-1:2", "me:1_0:2", "me:0x10:2",
        "me:\u0661:2", "me: 1:2", "me:1:2e3", "me:99999999999:1",
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_its_place(line):
    with pytest.raises(FailedPrecondition, match="Format not correct for f file: line 2"):
        parse_ranges(f"a:1:1\n{line}\n", "f")


@pytest.mark.parametrize("line", ["me:1:0", "me:4294967295:1", "me:4294967294:2"])
def test_a_range_has_ids_and_ends_with_the_last_one(line):
    with pytest.raises(FailedPrecondition, match=r"line 1: .* is no range of ids"):
        parse_ranges(line, "f")
    assert parse_ranges("me:4294967294:1", "f")[0].end == 2**32 - 1


def test_ranges_are_those_of_the_account_by_name_or_number():
    ranges = parse_ranges("me:300:5\nyou:400:5\n1000:100:5\n", "f")
    assert ranges_of(ranges, ("me", "1000"), "f") == [
        IdRange("me", 300, 5),
        IdRange("1000", 100, 5),
    ]
    assert ranges_of(ranges, ("other",), "f") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("me:0:10", "me:0:10 gives containers the host's root"),
        ("me:100:10\nme:109:1", "me:109:1 overlaps another range"),
        ("me:100:10\nme:100:10", "overlaps"),
        ("me:105:1\n1000:100:10", "me:105:1 overlaps"),
    ],
)
def test_what_would_be_dangerous_is_refused(text, message):
    with pytest.raises(FailedPrecondition, match=message):
        ranges_of(parse_ranges(text, "f"), ("me", "1000"), "f")
    assert ranges_of(parse_ranges(text, "f"), ("you",), "f") == []


def test_a_missing_file_has_no_ranges(tmp_path):
    assert read_ranges(tmp_path / "none") == []
    with pytest.raises(FailedPrecondition, match=r"cannot read .*: Is a directory"):
        read_ranges(tmp_path)
    (tmp_path / "big").write_bytes(b"#" * (1 << 20) + b"#")
    with pytest.raises(FailedPrecondition, match="larger than 1 MiB"):
        read_ranges(tmp_path / "big")
    (tmp_path / "latin1").write_bytes(b"m\xfc:7:1\n")
    assert read_ranges(tmp_path / "latin1") == [IdRange(os.fsdecode(b"m\xfc"), 7, 1)]


def test_the_first_free_range_is_free_in_both_files():
    assert first_free([], []) == IdRange("", 100_000, 65_536)
    uids = [IdRange("a", 100_000, 65_536), IdRange("b", 500_000, 1)]
    gids = [IdRange("c", 165_536, 10)]
    assert first_free(uids, gids).first == 165_546
    with pytest.raises(FailedPrecondition, match="no free range"):
        first_free([IdRange("a", 1, 2**32 - 2)])


@given(st.lists(st.tuples(st.integers(0, 2**20), st.integers(1, 2**17)), max_size=30))
def test_no_free_range_overlaps(pairs):
    taken = [IdRange("x", first, count) for first, count in pairs]
    free = first_free(taken[::2], taken[1::2])
    assert all(free.end <= one.first or one.end <= free.first for one in taken)


@given(st.text(alphabet=":0123456789ab#\n \t-", max_size=60))
def test_a_file_is_read_or_refused(text):
    try:
        ranges = parse_ranges(text, "f")
    except FailedPrecondition:
        return
    assert all(one.count > 0 and one.end < 2**32 and one.account for one in ranges)
