"""D07, for the registry: clients that send or read slowly keep nobody else waiting.

How long a head may take is in `tests/integration/registry/test_connection.py`.
"""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import time

import pytest
from attack_lab import memory_stays
from registry_bed import digest_of, served

pytestmark = pytest.mark.integration

CLIENTS = 400
MANIFEST_TYPE = b"application/vnd.oci.image.manifest.v1+json"
SLOW = (
    b"G",
    b"GET /v2/ HTTP/1.1\r\nHost: x\r\nX-Slow:",
    *(
        line + b" HTTP/1.1\r\nHost: x\r\n" + rest
        for line, rest in (
            (
                b"POST /v2/a/blobs/uploads/?digest=sha256:" + b"0" * 64,
                b"Content-Length: 1000000\r\n\r\nx",
            ),
            (b"POST /v2/a/blobs/uploads/", b"Transfer-Encoding: chunked\r\n\r\nfffff\r\nx"),
            (
                b"PUT /v2/a/manifests/latest",
                b"Content-Length: 1000\r\nContent-Type: " + MANIFEST_TYPE + b"\r\n\r\n{",
            ),
        )
    ),
)


@pytest.fixture
def many_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_good_clients_are_answered_meanwhile(tmp_path, many_files):
    del many_files
    with served(tmp_path / "data", REGISTRY_LOG_ACCESSLOG_DISABLED="true") as registry:
        large = registry.push_blob("a", os.urandom(4 << 20))
        registry.push_image("a", "latest")
        read = f"GET /v2/a/blobs/{large} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 20
        pid = registry.process.pid
        with contextlib.ExitStack() as stack, memory_stays(pid, 100 << 10):
            clients = []
            for number in range(CLIENTS):
                client = stack.enter_context(socket.create_connection(("127.0.0.1", registry.port)))
                client.settimeout(5)
                # Some never read what they asked for, four megabytes twenty times over.
                client.sendall(read if number % 8 == 0 else SLOW[number % len(SLOW)])
                clients.append(client)
            times = []
            for number in range(30):
                started = time.monotonic()
                assert registry.request("GET", "/v2/a/tags/list")[0] == 200
                data = b"%d" % number
                registry.push_blob("b", data)
                status, _, body = registry.request("GET", f"/v2/b/blobs/{digest_of(data)}")
                assert (status, body) == (200, data)
                times.append(time.monotonic() - started)
            assert sorted(times)[len(times) // 2] < 0.3, times  # three requests
            # Nobody is cut for being slow at once, and who goes on is served.
            clients[5].sendall(b"ET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
            assert clients[5].recv(100).startswith(b"HTTP/1.1 200")
        # What they began is not kept open, nor in memory, when they are gone.
        assert registry.request("GET", "/v2/a/tags/list")[0] == 200
