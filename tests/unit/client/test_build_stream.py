from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.api import build_frames
from baleen.client import build_stream
from baleen.errors import DataLoss


@given(
    st.lists(st.tuples(st.sampled_from(["DATA", "AGENT", "MESSAGE"]), st.binary(max_size=30))),
    st.integers(1, 40),
)
def test_it_reads_what_the_engine_writes(wanted, size):
    pairs = [(getattr(build_frames, name), payload) for name, payload in wanted]
    raw = b"".join(build_frames.encode_build_frame(*pair) for pair in pairs)
    pieces = [raw[i : i + size] for i in range(0, len(raw), size)]
    assert list(build_stream.read_frames(pieces)) == pairs


def test_both_sides_have_the_same_names():
    for name in ("AGENT", "CONTENT_TYPE", "DATA", "MESSAGE", "PRELUDE"):
        assert getattr(build_stream, name) == getattr(build_frames, name)
    assert build_stream.frame(0x10, b"x") == build_frames.encode_build_frame(0x10, b"x")


@pytest.mark.parametrize("raw", [b"\x01" + bytes(7), b"\x13\0\0\0\0\0\0\5ab", b"\x13\0"])
def test_a_lying_engine_is_caught(raw):
    with pytest.raises(DataLoss):
        list(build_stream.read_frames([raw]))
