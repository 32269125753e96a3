from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from baleen.cli.escape import EscapeFilter


def test_the_sequence_detaches_and_is_not_sent():
    keys = EscapeFilter(b"\x10\x11")
    assert keys.feed(b"ab\x10") == b"ab"
    assert keys.feed(b"\x11rest") == b""
    assert keys.detached


def test_a_broken_sequence_is_sent_late_but_whole():
    keys = EscapeFilter(b"\x10\x11")
    assert keys.feed(b"\x10") == b""
    assert keys.feed(b"x\x10\x10") == b"\x10x\x10"
    assert keys.feed(b"y") == b"\x10y"
    assert not keys.detached


@given(st.lists(st.binary(max_size=6)))
def test_without_keys_everything_passes(pieces):
    keys = EscapeFilter(b"")
    assert [keys.feed(p) for p in pieces] == pieces
