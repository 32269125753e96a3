"""D07: many clients that send or read slowly keep nobody else waiting.

Deadlines and buffers are in `tests/unit/daemon/test_http_connection.py`.
"""

from __future__ import annotations

import contextlib
import socket
import time

import pytest
from attack_lab import memory_stays

pytestmark = pytest.mark.integration

CLIENTS = 400


def test_good_clients_are_answered_meanwhile(engine):
    engine.docker("run", "-d", "--name", "box", "busybox", "yes")
    with contextlib.ExitStack() as stack, memory_stays(engine.pid, 64 << 10):
        clients = []
        for number in range(CLIENTS):
            client = stack.enter_context(socket.socket(socket.AF_UNIX))
            client.settimeout(5)
            client.connect(str(engine.socket))
            client.sendall(
                (
                    b"G",
                    b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
                    b"GET /containers/box/logs?stdout=1&follow=1 HTTP/1.1\r\nHost: x\r\n\r\n"
                    if number < 40
                    else b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n",
                    b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n" * 50,
                )[number % 4]
            )
            clients.append(client)
        times = []
        for _ in range(30):
            started = time.monotonic()
            assert engine.api("GET", "/_ping").status == 200
            assert engine.api("GET", "/containers/json").status == 200
            times.append(time.monotonic() - started)
        assert sorted(times)[len(times) // 2] < 0.1
    engine.docker("kill", "box")
