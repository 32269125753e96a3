from __future__ import annotations

import threading

import pytest
from lying_registry import content, cut_at, stall, status

from baleen.distribution.cancellation import Cancellation, Cancelled
from baleen.distribution.connection import Connection, FilePiece
from baleen.distribution.routes import NetworkError, Route


@pytest.fixture
def connection(registry):
    made = connect(registry)
    yield made
    made.close()


def connect(registry, cancel=None, **changes):
    values = {
        "scheme": "http",
        "host": "127.0.0.1",
        "port": registry.port,
        "proxy": None,
        "tls": None,
        "connect_timeout_s": 10.0,
        "stall_timeout_s": 10.0,
        "permitted": lambda _: True,
    }
    return Connection(Route(**(values | changes)), cancel or Cancellation())


def test_one_connection_serves_many_requests(registry, connection):
    digest = registry.add_blob(b"x" * 100_000)
    for _ in range(3):
        reply = connection.request("GET", f"/v2/a/blobs/{digest}", {"X-Test": "1"})
        assert (reply.status, reply.length) == (200, 100_000)
        assert reply.read(1 << 20) == b"x" * 100_000
        assert reply.leave()
    assert registry.requests[0].headers["Host"] == registry.authority
    assert registry.requests[0].headers["X-Test"] == "1"


def test_a_body_is_read_into_the_callers_buffer(registry, connection):
    digest = registry.add_blob(bytes(range(256)) * 100)
    reply = connection.request("GET", f"/v2/a/blobs/{digest}", {})
    buffer, got = memoryview(bytearray(1000)), b""
    while count := reply.read_into(buffer):
        got += buffer[:count]
    assert got == registry.blobs[digest]


def test_a_chunked_body_is_read_too(registry, connection):
    def chunked(handler):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")

    registry.lie("GET", "/x", chunked)
    reply = connection.request("GET", "/x", {})
    assert reply.length is None
    assert reply.read(100) == b"hello world"
    assert reply.leave()


def test_a_cut_body_is_an_error(registry, connection):
    digest = registry.add_blob(b"x" * 10_000)
    registry.lie("GET", digest, cut_at(5000))
    reply = connection.request("GET", f"/v2/a/blobs/{digest}", {})
    with pytest.raises(NetworkError, match="unexpected EOF"):
        reply.read(1 << 20)
    assert not reply.leave()


def test_a_body_larger_than_allowed_is_an_error(registry, connection):
    registry.lie("GET", "/x", content(b"x" * 100))
    with pytest.raises(NetworkError, match="larger than 99 bytes"):
        connection.request("GET", "/x", {}).read(99)


def test_a_server_that_stalls_is_given_up(registry):
    registry.lie("GET", "/x", stall())
    digest = registry.add_blob(b"x" * 10_000)
    registry.lie("GET", digest, stall(100))
    connection = connect(registry, stall_timeout_s=0.05)
    reply = connection.request("GET", f"/v2/a/blobs/{digest}", {})
    with pytest.raises(NetworkError, match="i/o timeout while reading the answer"):
        reply.read(1 << 20)
    connection.close()


def test_a_cancellation_wakes_whoever_reads(registry):
    cancel = Cancellation()
    digest = registry.add_blob(b"x" * 10_000)
    registry.lie("GET", digest, stall(100))
    connection = connect(registry, cancel)
    reply = connection.request("GET", f"/v2/a/blobs/{digest}", {})
    threading.Timer(0.05, cancel.cancel).start()
    with pytest.raises(Cancelled):
        reply.read(1 << 20)
    connection.close()


def test_files_are_sent_from_where_they_lie(registry, connection, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 10_000)
    with path.open("rb") as file:
        pieces = [FilePiece(file, 100, 1000), FilePiece(file, 1100, 2_000_000)]
        headers = {"Content-Length": "2001000"}
        reply = connection.request("PUT", "/v2/a/blobs/uploads/x", headers, iter(pieces))
    assert reply.status == 404
    assert registry.requests[0].body == path.read_bytes()[100:2_001_100]


def test_a_file_that_became_shorter_is_an_error(connection, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 10)
    with path.open("rb") as file, pytest.raises(NetworkError, match="shorter than it was"):
        connection.request("PUT", "/x", {"Content-Length": "20"}, iter([FilePiece(file, 0, 20)]))


def test_an_answer_before_the_body_is_sent_is_returned(registry, connection, tmp_path):
    def early(handler):
        handler.close_connection = True
        handler.error(401, "UNAUTHORIZED", "authentication required")

    # The server reads no body: it is told that there is none, and the client is not.
    registry.lie("PUT", "/x", early)
    path = tmp_path / "file"
    path.write_bytes(b"x" * (32 << 20))
    with path.open("rb") as file:
        pieces = (FilePiece(file, n << 20, 1 << 20) for n in range(32))
        reply = connection.request("PUT", "/x", {"X-No-Length": "1"}, pieces)
    assert reply.status == 401
    assert not reply.leave() or reply.read(1 << 16)
    assert not reply.leave()


@pytest.mark.parametrize("line", [b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000])
def test_what_is_no_http_is_an_error(registry, connection, line):
    def nonsense(handler):
        handler.wfile.write(line)
        handler.close_connection = True

    registry.lie("GET", "/x", nonsense)
    with pytest.raises(NetworkError, match="malformed HTTP response"):
        connection.request("GET", "/x", {})


def test_headers_cannot_be_smuggled(connection):
    with pytest.raises(NetworkError):
        connection.request("GET", "/x", {"X": "a\r\nY: b"})


def test_a_head_has_no_body(registry, connection):
    registry.lie("HEAD", "/x", status(200, headers={"Content-Length": "500"}))
    reply = connection.request("HEAD", "/x", {})
    assert reply.header("content-length") == "500"
    assert reply.read(10) == b""
    assert reply.leave()
    assert connection.request("GET", "/v2/", {}).status == 200
