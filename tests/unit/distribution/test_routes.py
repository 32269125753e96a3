from __future__ import annotations

import socket
import ssl
import threading

import pytest
from lying_registry import LyingRegistry
from registry_world import server_context

from baleen.distribution.cancellation import Cancellation, Cancelled
from baleen.distribution.proxies import Proxy
from baleen.distribution.routes import NetworkError, Route, connect


def route(port, **changes):
    values = {
        "scheme": "https",
        "host": "127.0.0.1",
        "port": port,
        "proxy": None,
        "tls": None,
        "connect_timeout_s": 10.0,
        "stall_timeout_s": 10.0,
        "permitted": lambda _: True,
    }
    return Route(**(values | changes))


def client_context(pki):
    return ssl.create_default_context(cafile=pki / "ca.crt")


def test_a_verified_server_is_connected_to(pki):
    with LyingRegistry(tls=server_context(pki)) as registry:
        connect(route(registry.port, tls=client_context(pki)), Cancellation()).close()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("elsewhere", "x509: certificate is not valid for the name"),
        ("expired", "x509: certificate has expired or is not yet valid"),
    ],
)
def test_a_wrong_certificate_says_what_is_wrong_with_it(pki, name, words):
    with LyingRegistry(tls=server_context(pki, name)) as registry:
        with pytest.raises(NetworkError, match=words) as caught:
            connect(route(registry.port, tls=client_context(pki)), Cancellation())
        assert caught.value.untrusted


def test_an_unknown_authority_is_named_so(pki):
    with (
        LyingRegistry(tls=server_context(pki)) as registry,
        pytest.raises(NetworkError, match="certificate signed by unknown authority"),
    ):
        connect(route(registry.port, tls=ssl.create_default_context()), Cancellation())


def test_a_server_without_tls_is_recognised(registry, pki):
    with pytest.raises(NetworkError, match="server gave HTTP response to HTTPS client") as caught:
        connect(route(registry.port, tls=client_context(pki)), Cancellation())
    assert caught.value.speaks_http


@pytest.fixture
def silent_server():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_handshake_that_stalls_ends_in_time(silent_server, pki):
    slow = route(silent_server, tls=client_context(pki), connect_timeout_s=0.05)
    with pytest.raises(NetworkError, match="TLS handshake timeout"):
        connect(slow, Cancellation())


def test_a_handshake_can_be_cancelled(silent_server, pki):
    cancel = Cancellation()
    threading.Timer(0.05, cancel.cancel).start()
    with pytest.raises(Cancelled):
        connect(route(silent_server, tls=client_context(pki)), cancel)


class OneProxy:
    """A proxy that serves one connection: it answers CONNECT, and relays if that was 200."""

    def __init__(self, answer):
        self.answer = answer
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.head = b""
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        client, _ = self.server.accept()
        with client:
            while b"\r\n\r\n" not in self.head:
                self.head += client.recv(4096)
            client.sendall(self.answer)
            if b" 200 " in self.answer:
                host, port = self.head.split()[1].decode().split(":")
                with socket.create_connection((host, int(port))) as target:
                    there = threading.Thread(target=relay, args=(client, target), daemon=True)
                    there.start()
                    relay(target, client)
                    there.join(10)

    def close(self):
        self.server.close()
        self.thread.join(10)


def relay(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def test_tls_goes_through_a_proxy_from_end_to_end(pki):
    proxy = OneProxy(b"HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n")
    with LyingRegistry(tls=server_context(pki)) as registry:
        through = Proxy("127.0.0.1", proxy.port, "Basic abc")
        way = route(registry.port, tls=client_context(pki), proxy=through)
        connect(way, Cancellation()).close()
    proxy.close()
    assert f"CONNECT 127.0.0.1:{registry.port} HTTP/1.1".encode() in proxy.head
    assert b"Proxy-Authorization: Basic abc" in proxy.head


def test_a_proxy_that_refuses_is_named(pki):
    proxy = OneProxy(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
    way = route(1, tls=client_context(pki), proxy=Proxy("127.0.0.1", proxy.port))
    words = rf"proxy 127\.0\.0\.1:{proxy.port} refuses to connect: 407 Proxy Authentication"
    with pytest.raises(NetworkError, match=words):
        connect(way, Cancellation())
    proxy.close()


def test_a_proxy_that_is_not_there_is_named():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    way = route(1, proxy=Proxy("127.0.0.1", port))
    with pytest.raises(NetworkError, match=r"proxyconnect tcp: dial tcp .* connection refused"):
        connect(way, Cancellation())


def test_a_proxy_is_not_asked_for_what_is_not_permitted(registry):
    proxy = Proxy("127.0.0.1", registry.port)
    way = route(80, host="169.254.169.254", proxy=proxy, permitted=lambda _: False)
    with pytest.raises(NetworkError, match="the address is not permitted"):
        connect(way, Cancellation())
    assert registry.requests == []
