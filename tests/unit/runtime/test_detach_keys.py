from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.errors import InvalidArgument
from baleen.runtime.detach_keys import DetachMatcher, parse_detach_keys


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("", b"\x10\x11"),
        ("ctrl-p,ctrl-q", b"\x10\x11"),
        ("ctrl-a", b"\x01"),
        ("ctrl-@", b"\x00"),
        ("ctrl-[", b"\x1b"),
        ("ctrl-\\,ctrl-],ctrl-^,ctrl-_", b"\x1c\x1d\x1e\x1f"),
        ("a,b", b"ab"),
        ("DEL", b"\x7f"),
    ],
)
def test_keys_are_those_of_docker(text, codes):
    assert parse_detach_keys(text) == codes


@pytest.mark.parametrize("text", ["ctrl-P", "ctrl-1", "ab", "ctrl-", ",", "a,", "é", "a," * 100])
def test_what_is_no_key_is_refused(text):
    with pytest.raises(InvalidArgument, match="invalid detach keys"):
        parse_detach_keys(text)


def feed_all(keys, chunks):
    matcher = DetachMatcher(keys)
    out = b""
    for chunk in chunks:
        data, detached = matcher.feed(chunk)
        out += data
        if detached:
            return out, True
    return out + matcher.flush(), False


@given(
    st.text("ab", min_size=1, max_size=4).map(str.encode),
    st.text("abc", max_size=20).map(str.encode),
    st.lists(st.integers(0, 20), max_size=5),
)
def test_the_sequence_is_found_however_the_input_arrives(keys, data, cuts):
    borders = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    chunks = [data[a:b] for a, b in pairwise(borders)]
    found = data.find(keys)
    expected = (data, False) if found < 0 else (data[:found], True)
    assert feed_all(keys, chunks) == expected


def test_a_beginning_is_held_back_until_the_next_byte_decides():
    matcher = DetachMatcher(b"\x10\x11")
    assert matcher.feed(b"a\x10") == (b"a", False)
    assert matcher.feed(b"b") == (b"\x10b", False)
    assert matcher.feed(b"\x10\x10") == (b"\x10", False)
    assert matcher.feed(b"\x11rest") == (b"", True)
