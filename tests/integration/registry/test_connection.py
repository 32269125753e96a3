"""The connection's limits, by real sockets; see also the security cases D06 to D08."""

from __future__ import annotations

import socket

import pytest
from registry_bed import served

from baleen.registry import connection


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("connection") / "data") as it:
        yield it


def talk(server, data, *, until_closed=True):
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(data)
        answer = b""
        while piece := client.recv(65536):
            answer += piece
            if not until_closed:
                break
        return answer


@pytest.mark.parametrize(
    "head",
    [
        b"GET /v2/ HTTP/1.1\r\nHost: x\r\nX: " + b"a" * (1 << 20) + b"\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nHost: x\r\n" + b"X: 1\r\n" * 20_000 + b"\r\n",
        b"GET /v2/" + b"a" * (1 << 20) + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=["value", "many", "path"],
)
def test_a_head_that_is_too_large_is_refused(server, head):
    try:
        answer = talk(server, head)
    except ConnectionError:
        return  # closed while we were sending
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431")


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: 3\r\nTransfer-Encoding: chunked",
        b"Content-Length: 3\r\nContent-Length: 4",
        b"Transfer-Encoding: chunked, identity",
        b"Content-Length : 3",
        b"Content-Length: +3",
        b"Content-Length: 1_0",
        b"X: 1\r\n folded",
    ],
)
def test_what_two_readers_could_read_in_two_ways_is_refused(server, lines):
    answer = talk(server, b"PUT /v2/r/manifests/x HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n\r\nabc")
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1") == 1


def test_a_small_answer_does_not_wait_for_the_clients_acknowledgement(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        import time

        started = time.monotonic()
        for _ in range(50):
            client.sendall(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = b""
            while not answer.endswith(b"{}"):
                answer += client.recv(4096)
        # 50 delayed acknowledgements would be two seconds.
        assert time.monotonic() - started < 1.0


def test_a_head_has_its_time(monkeypatch):
    assert connection.HEAD_TIME_S <= 60
    assert connection.HEAD_LIMIT <= 1 << 20
