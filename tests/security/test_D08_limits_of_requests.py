"""D08, D13: what a request claims or holds costs the daemon neither memory nor time.

Heads, chunks and smuggling are in `tests/unit/daemon/test_http_connection.py`, values in
`tests/unit/engine/test_resource_checks.py`.
"""

from __future__ import annotations

import contextlib
import json
import socket

import pytest
from attack_lab import memory_stays, within
from bed import TIMEOUT_S

pytestmark = pytest.mark.integration

CREATE = "/containers/create"


def raw(engine, head: bytes, body: bytes = b"", times: int = 1) -> bytes:
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as client:
        client.settimeout(TIMEOUT_S)
        client.connect(str(engine.socket))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(head)
            for _ in range(times):
                client.sendall(body)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while part := client.recv(65536):
                answer += part
                if b"\r\n\r\n" in answer:
                    break
        return answer


def status(answer: bytes) -> int:
    return int(answer.split()[1])


def head(length: int | str) -> bytes:
    return (
        f"POST {CREATE} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


def test_d08_sizes_are_refused_flatly(engine):
    with memory_stays(engine.pid, 24 << 10):
        assert status(raw(engine, b"GET /" + b"a" * (1 << 20) + b" HTTP/1.1\r\n\r\n")) in (414, 431)
        assert status(raw(engine, b"GET / HTTP/1.1\r\nX: " + b"a" * (1 << 20))) == 431
        many = b"".join(b"X-%d: 1\r\n" % number for number in range(10_000))
        assert status(raw(engine, b"GET / HTTP/1.1\r\n" + many + b"\r\n")) == 431
        assert status(raw(engine, head(1 << 30), b" " * (1 << 20), times=64)) in (400, 413)
        for length in ("9223372036854775808", "18446744073709551616", "1" * 40, "-1", "+1", "1_0"):
            assert status(raw(engine, head(length), b"{}")) in (400, 413), length


@pytest.mark.parametrize(
    "body",
    [
        b'{"Image":' + b"[" * 100_000,
        b'{"Labels":' * 100_000,
        b'{"a":' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"Image":"busybox","HostConfig":{"Memory":9223372036854775808}}',
        b'{"Image":"busybox","HostConfig":{"Memory":1e400}}',
        b'{"Image":"busybox","StopTimeout":1e999}',
        b'{"Image":"busybox","HostConfig":{"NanoCpus":-9223372036854775809}}',
        b'{"Image":"\xff\xfe"}',
        b'{"Image":"\\ud800"}',
        b"",
        b"nul",
    ],
    ids=range(11),
)
def test_d08_depth_and_numbers(engine, body):
    with memory_stays(engine.pid, 24 << 10), within(1.0):
        answer = engine.api("POST", CREATE, body, headers={"Content-Type": "application/json"})
    assert answer.status in (400, 404), answer


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/containers/json?limit=99999999999999999999", "GET"),
        ("/containers/json?filters=" + "%7B%22a%22%3A" * 1000, "GET"),
        ("/containers/json?filters=%5B1%5D", "GET"),
        ("/images/json?filters=%7B%22label%22%3A%7B%22" + "a" * 20000 + "%22%3Atrue%7D%7D", "GET"),
        ("/events?since=1e999", "GET"),
        ("/events?since=%00", "GET"),
        ("/%2e%2e/%2e%2e/etc/passwd", "GET"),
        ("/containers/%2e%2e/json", "GET"),
        ("/containers/..%2f..%2fetc/json", "GET"),
        ("/v1.99999999999999/info", "GET"),
        ("/volumes/..%2f..%2fx", "DELETE"),
        ("/networks/%00", "DELETE"),
    ],
    ids=range(12),
)
def test_d08_parameters(engine, path, method):
    with within(1.0):
        answer = engine.api(method, path)
    assert answer.status in (200, 400, 404), answer


def create(engine, **host):
    body = json.dumps({"Image": "busybox", "HostConfig": host}).encode()
    with within(1.0):
        return engine.api("POST", CREATE, body, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize(
    "host",
    [
        {"CpusetCpus": "1-4294967295"},
        {"CpusetCpus": "0-1000000000"},
        {"CpusetCpus": "0-18446744073709551615"},
        {"CpusetCpus": "0," * 100_000},
        {"CpusetMems": "0-2147483647"},
        {"Memory": -1},
        {"Memory": 1},
        {"NanoCpus": 1 << 62},
        {"CpuShares": -5},
        {"Ulimits": [{"Name": "nofile", "Soft": 1 << 62, "Hard": 1}]},
        {"Ulimits": [{"Name": "nosuch", "Soft": 1, "Hard": 1}]},
        {"ShmSize": -1},
        {"PidsLimit": 1 << 62},
        {"BlkioWeight": 70000},
        {"OomScoreAdj": 99999},
    ],
    ids=range(15),
)
def test_d13_huge_sets_are_refused_at_once(engine, host):
    with memory_stays(engine.pid, 24 << 10):
        answer = create(engine, **host)
    assert answer.status == 400, answer


def test_d13_long_lists_are_bounded(engine):
    device = {"PathOnHost": "/dev/null", "PathInContainer": "/dev/n", "CgroupPermissions": "r"}
    for host in (
        {"Devices": [device] * 30_000},
        {"Binds": ["/tmp:/x"] * 30_000},
        {"CapAdd": ["CHOWN"] * 100_000},
        {"ExtraHosts": ["a:1.2.3.4"] * 50_000},
        {"Sysctls": {f"net.x{number}": "1" for number in range(30_000)}},
        {"Tmpfs": {f"/t{number}": "" for number in range(30_000)}},
        {"PortBindings": {f"{number}/tcp": [{}] for number in range(1, 30_000)}},
    ):
        body = json.dumps({"Image": "busybox", "HostConfig": host}).encode()
        with within(2.0):
            answer = engine.api("POST", CREATE, body, headers={"Content-Type": "application/json"})
        assert answer.status in (201, 400, 413), answer
        if answer.status == 201:
            with within(5.0):
                engine.api("POST", f"/containers/{answer.json()['Id']}/start")
                removed = engine.api("DELETE", f"/containers/{answer.json()['Id']}?force=1")
            assert removed.status == 204
    assert engine.api("GET", "/_ping").status == 200
