"""G02 (distribution CVE-2017-11468): a manifest is read up to its limit, with memory flat."""

from __future__ import annotations

import socket

import pytest
from registry_bed import OCI_MANIFEST, served

LIMIT = 4 << 20


@pytest.fixture
def server(tmp_path):
    with served(tmp_path / "data") as it:
        yield it


def read_head(client):
    answer = b""
    while b"\r\n\r\n" not in answer:
        piece = client.recv(4096)
        if not piece:
            break
        answer += piece
    return answer


def test_an_announced_giant_is_refused_before_it_is_read(server):
    head = (
        "PUT /v2/r/manifests/x HTTP/1.1\r\nHost: x\r\n"
        f"Content-Type: {OCI_MANIFEST}\r\nContent-Length: {4 << 30}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(head.encode())
        assert read_head(client).startswith(b"HTTP/1.1 413")


def test_an_endless_chunked_body_is_refused_at_the_limit_with_memory_flat(server):
    before = server.memory_bytes()
    head = (
        "PUT /v2/r/manifests/x HTTP/1.1\r\nHost: x\r\n"
        f"Content-Type: {OCI_MANIFEST}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    chunk = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(head.encode())
        for _ in range(100):
            client.sendall(chunk)
        assert read_head(client).startswith(b"HTTP/1.1 413")
    assert server.memory_bytes() - before < 40 << 20
    assert server.request("GET", "/v2/r/manifests/x")[0] == 404


def test_the_limit_itself_is_read(server):
    status, _, body = server.request(
        "PUT", "/v2/r/manifests/x", b" " * LIMIT, {"Content-Type": OCI_MANIFEST}
    )
    assert (status, b"MANIFEST_INVALID" in body) == (400, True)
