from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.api import build_frames as frames
from baleen.errors import InvalidArgument


def _cut(data: bytes, size: int) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([frames.PRELUDE, frames.AGENT, frames.MESSAGE]), st.binary(max_size=40)
        ),
        max_size=6,
    ),
    st.integers(1, 50),
)
def test_frames_come_out_as_they_went_in_whatever_the_portions(wanted, size):
    raw = b"".join(frames.encode_build_frame(kind, payload) for kind, payload in wanted)
    decoder = frames.BuildFrames()
    assert [f for piece in _cut(raw, size) for f in decoder.feed(piece)] == wanted
    assert decoder.at_boundary


@given(st.binary(min_size=1, max_size=300), st.integers(1, 50))
def test_data_is_passed_on_in_parts_and_its_end_is_told(payload, size):
    raw = frames.encode_build_frame(frames.DATA, payload)
    raw += frames.encode_build_frame(frames.DATA, b"")
    decoder = frames.BuildFrames()
    found = [f for piece in _cut(raw, size) for f in decoder.feed(piece)]
    assert b"".join(part for _, part in found) == payload
    assert [part for _, part in found].count(b"") == 1
    assert found[-1] == (frames.DATA, b"")


@pytest.mark.parametrize(
    "raw",
    [b"\x01" + bytes(7), b"\x10\0\0\1" + bytes(4), b"\x10\0\0\0\x7f\xff\xff\xff", b"POST /x "],
)
def test_what_is_no_frame_is_refused(raw):
    with pytest.raises(InvalidArgument):
        list(frames.BuildFrames().feed(raw))


def test_a_large_claim_costs_no_memory():
    decoder = frames.BuildFrames()
    assert list(decoder.feed(b"\x11\0\0\0\xff\xff\xff\xff" + b"x")) == [(frames.DATA, b"x")]
    assert not decoder.at_boundary
