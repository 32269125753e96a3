from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen import errors
from baleen.client.multiplex import Demultiplexer


def frame(stream: int, payload: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(payload).to_bytes(4, "big") + payload


@given(
    st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=40)), max_size=8),
    st.lists(st.integers(1, 30), max_size=40),
)
def test_payload_comes_out_whatever_the_cuts(frames, cuts):
    data = b"".join(frame(*item) for item in frames)
    pieces, position = [], 0
    for cut in cuts:
        pieces.append(data[position : position + cut])
        position += cut
    pieces.append(data[position:])
    demultiplexer = Demultiplexer()
    out: dict[int, bytes] = {}
    for piece in pieces:
        for stream, payload in demultiplexer.feed(piece):
            out[stream] = out.get(stream, b"") + payload.tobytes()
    expected: dict[int, bytes] = {}
    for stream, payload in frames:
        if payload:
            expected[stream] = expected.get(stream, b"") + payload
    assert out == expected
    assert demultiplexer.at_boundary


@pytest.mark.parametrize("header", [b"\x04\0\0\0", b"\x01\0\0\x01", b"HTTP", b'{"a"'])
def test_a_header_that_is_none_is_refused(header):
    with pytest.raises(errors.DataLoss, match="unrecognized stream header"):
        list(Demultiplexer().feed(header + b"\0\0\0\x01x"))


def test_a_huge_frame_costs_no_memory():
    demultiplexer = Demultiplexer()
    assert list(demultiplexer.feed(b"\x01\0\0\0\xff\xff\xff\xff")) == []
    piece = bytes(1000)
    ((stream, view),) = demultiplexer.feed(piece)
    assert (stream, view.obj is piece, len(view)) == (1, True, 1000)
    assert not demultiplexer.at_boundary
