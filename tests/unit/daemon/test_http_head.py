from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.daemon.http_head import BadRequest, ChunkDecoder, find_head_end, parse_head


def test_a_head_is_read():
    head = parse_head(
        b"POST /a?b=c HTTP/1.1\r\nHost: d\r\nContent-Length: 5\r\nX-A: 1\r\nx-a: 2\r\n"
        b"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
    )
    assert (head.method, head.target, head.body_length) == ("POST", b"/a?b=c", 5)
    assert head.headers["x-a"] == "1, 2"
    assert head.upgrade
    assert head.keep_alive


def test_the_end_of_a_head_is_found_over_borders():
    raw = b"GET / HTTP/1.1\r\nHost: d\r\n\r\nrest"
    end = raw.index(b"rest")
    for cut in range(len(raw)):
        buffer = bytearray(raw[:cut])
        found = find_head_end(buffer, 0)
        if found < 0:
            found = find_head_end(raw, len(buffer))
        assert found == end


def test_a_line_that_ends_in_lf_alone_is_refused_before_the_head_is_complete():
    with pytest.raises(BadRequest):
        find_head_end(b"GET / HTTP/1.1\nHost", 0)
    with pytest.raises(BadRequest):
        find_head_end(b"a\n", 1)


def chunked(parts, extension=b""):
    body = b"".join(b"%x%b\r\n%b\r\n" % (len(p), extension, p) for p in parts if p)
    return body + b"0\r\n\r\n"


@given(st.lists(st.binary(max_size=40)), st.binary(max_size=9), st.integers(1, 9))
def test_chunks_come_out_whole_and_what_follows_is_left(parts, rest, step):
    raw = chunked(parts, b";a=b") + rest
    decoder, buffer, got = ChunkDecoder(), bytearray(), b""
    for start in range(0, len(raw), step):
        buffer += raw[start : start + step]
        got += b"".join(decoder.feed(buffer))
        if decoder.done:
            buffer += raw[start + step :]
            break
    assert got == b"".join(parts)
    assert decoder.done
    assert bytes(buffer) == rest


@given(st.binary(max_size=60))
def test_any_bytes_are_chunks_or_refused(raw):
    decoder, buffer = ChunkDecoder(), bytearray(raw)
    try:
        parts = decoder.feed(buffer)
    except BadRequest:
        return
    assert sum(map(len, parts)) <= len(raw)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_head_or_refused(raw):
    try:
        head = parse_head(raw + b"\r\n\r\n")
    except BadRequest:
        return
    assert head.target.startswith(b"/")


def test_no_pattern_takes_long():
    start = time.perf_counter()
    for raw in (b"\r\n" * 30000, b"a\r" * 30000, b"GET / HTTP/1.1\r\n" + b"A:b\r\n" * 10000):
        with pytest.raises(BadRequest):
            parse_head(raw)
    with pytest.raises(BadRequest):
        ChunkDecoder().feed(bytearray(b"1;" + b"a" * 10**6))
    assert time.perf_counter() - start < 0.5
