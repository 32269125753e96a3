"""Ranges of bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.registry.errors import ApiError, Code
from baleen.registry.ranges import parse_content_range, parse_range


@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 20))
def test_a_range_is_what_slicing_gives(first, last, size):
    data = bytes(range(size))
    if first >= size and (last >= first):
        with pytest.raises(ApiError) as caught:
            parse_range(f"bytes={first}-{last}", size)
        assert caught.value.code is Code.RANGE_INVALID
        return
    part = parse_range(f"bytes={first}-{last}", size)
    if last < first:
        assert part is None
    else:
        assert part is not None
        assert data[slice(*part)] == data[first : last + 1] != b""


@given(st.integers(1, 40), st.integers(1, 20))
def test_a_suffix(length, size):
    assert parse_range(f"bytes=-{length}", size) == (max(size - length, 0), size)


@pytest.mark.parametrize("header", ["bytes=-0", "bytes=5-", "bytes=-00"])
def test_nothing_of_it_is_there(header):
    with pytest.raises(ApiError) as caught:
        parse_range(header, 5)
    assert caught.value.headers == {"content-range": "bytes */5"}


@pytest.mark.parametrize(
    "header", ["", "bytes=-", "bytes=0-0,2-3", "bytes=\u0661-", f"bytes={'9' * 30}-"]
)
def test_what_is_not_understood_is_ignored(header):
    assert parse_range(header, 5) is None


def test_content_ranges():
    assert parse_content_range("0-4") == (0, 5)
    assert parse_content_range("bytes 5-9/10") == (5, 10)
    for header in ("", "0", "-1-2", "a-b", "0-1_0", "0x1-2", "\u0661-2", f"0-{'9' * 20}"):
        with pytest.raises(ApiError) as caught:
            parse_content_range(header)
        assert caught.value.code is Code.BLOB_UPLOAD_INVALID
    with pytest.raises(ApiError) as caught:
        parse_content_range("5-4")
    assert caught.value.code is Code.RANGE_INVALID
