from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen import errors
from baleen.client.http import Connection, encode_head, encode_query, parse_head, quote


def connection_with(data: bytes) -> Connection:
    ours, theirs = socket.socketpair()
    theirs.sendall(data)
    theirs.close()
    return Connection(ours)


def body_of(data: bytes) -> bytes:
    connection = connection_with(data)
    try:
        return b"".join(connection.iter_body(connection.read_head()))
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcXX", b"abc"),
        (b"HTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", b"abc"),
        (b"HTTP/1.1 200\r\n\r\nto the end", b"to the end"),
        (b"HTTP/1.0 200 OK\r\n\r\nold", b"old"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", b"abc"),
        (
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
                b"1;x=y\r\na\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n"
            ),
            b"a0123456789",
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", b"a"),
    ],
)
def test_bodies_end_where_they_end(data, expected):
    assert body_of(data) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1_0\r\n\r\n0123456789",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 20_000,
        b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"x" * 100_000 + b"\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused(data):
    with pytest.raises(errors.DataLoss):
        body_of(data)


def test_a_closed_connection_is_unavailable():
    with pytest.raises(errors.Unavailable):
        body_of(b"")


def test_header_names_are_lower_case_and_values_trimmed():
    head = parse_head(b"HTTP/1.1 404 Not Found\r\nAPI-Version:  1.41 \r\nX:")
    assert (head.status, head.reason) == (404, "Not Found")
    assert head.headers == {"api-version": "1.41", "x": ""}


def test_a_connection_is_kept_unless_the_engine_says_close():
    assert parse_head(b"HTTP/1.1 200 OK").keep_alive
    assert not parse_head(b"HTTP/1.1 200 OK\r\nConnection: close").keep_alive
    assert not parse_head(b"HTTP/1.0 200 OK").keep_alive


@pytest.mark.parametrize("text", ["a\r\nX: y", "a\nb", "a\0", "a b\x7f"])
def test_control_characters_cannot_enter_a_head(text):
    with pytest.raises(ValueError, match="control"):
        encode_head("GET", "/" + text, {})
    with pytest.raises(ValueError, match="control"):
        encode_head("GET", "/", {"A": text})


def test_queries_are_encoded_once():
    assert encode_query({}) == ""
    assert encode_query({"a": None}) == ""
    assert encode_query({"a": True, "b": False, "c": 5, "d": ["x", "y&z"], "e": "\u00e9 +"}) == (
        "?a=1&b=0&c=5&d=x&d=y%26z&e=%C3%A9%20%2B"
    )


@given(st.text())
def test_quoting_is_what_unquoting_undoes(text):
    from urllib.parse import unquote_to_bytes

    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return
    assert unquote_to_bytes(quote(text)) == raw
    assert quote(text).isascii()


@given(st.binary(max_size=300))
def test_any_bytes_are_parsed_or_refused(data):
    connection = connection_with(b"HTTP/1.1 200 OK\r\n" + data)
    try:
        b"".join(connection.iter_body(connection.read_head()))
    except (errors.DataLoss, errors.Unavailable):
        pass
    finally:
        connection.close()
