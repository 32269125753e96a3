from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.api.frames import STDERR, STDOUT, FrameDecoder, encode_frame
from baleen.errors import InvalidArgument

FRAMES = st.lists(st.tuples(st.sampled_from([STDOUT, STDERR]), st.binary(max_size=50)))


def test_a_frame_is_stream_zeros_length_payload():
    assert encode_frame(STDERR, b"abc") == b"\2\0\0\0\0\0\0\3abc"


@given(FRAMES, st.integers(min_value=1, max_value=13))
def test_frames_come_out_as_they_went_in_however_they_are_cut(frames, step):
    raw = b"".join(encode_frame(stream, payload) for stream, payload in frames)
    decoder = FrameDecoder()
    got = {STDOUT: b"", STDERR: b""}
    for start in range(0, len(raw), step):
        for stream, part in decoder.feed(raw[start : start + step]):
            got[stream] += part
    assert decoder.at_boundary
    for stream, joined in got.items():
        assert joined == b"".join(payload for number, payload in frames if number == stream)


def test_a_claimed_size_costs_no_memory_and_a_bad_header_is_refused():
    decoder = FrameDecoder()
    assert list(decoder.feed(b"\1\0\0\0\xff\xff\xff\xffabc")) == [(1, b"abc")]
    assert not decoder.at_boundary
    for bad in (b"\4\0\0\0\0\0\0\1", b"\1\1\0\0\0\0\0\1", b"HTTP/1.1"):
        with pytest.raises(InvalidArgument, match="unrecognized stream"):
            list(FrameDecoder().feed(bad))
