"""F28: proxies, names and TLS that fail: the error has the host, the stage and the cause."""

from __future__ import annotations

import os
import socket
import time

import pytest
from lying_registry import LyingRegistry, content
from registry_world import AMD64, World, fast, own_network, server_context

from baleen.content import ContentStore
from baleen.distribution.answers import Unreachable
from baleen.distribution.dialing import dial
from baleen.errors import BaleenError, InvalidArgument
from baleen.oci.reference import parse_reference


@pytest.fixture
def black_hole():
    """An address that swallows what comes: its listener's queue is full."""
    with socket.socket() as server, socket.socket() as first, socket.socket() as second:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for client in (first, second):
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        yield server.getsockname()[1]


def failure(world, **options):
    """Return the text of what a pull of the world's registry ends with, and that it is soon."""
    begun = time.monotonic()
    with world.repository(**options) as repository, pytest.raises(BaleenError) as caught:
        repository.document("latest", world.cancel)
    assert time.monotonic() - begun < 10
    return caught.value.message


@pytest.mark.parametrize(
    ("certificate", "cause"),
    [
        ("server", "x509: certificate signed by unknown authority"),
        ("expired", "x509: certificate has expired or is not yet valid"),
        ("elsewhere", "x509: certificate is not valid for the name"),
    ],
)
def test_a_certificate_that_does_not_fit(world, pki, tmp_path, certificate, cause):
    with LyingRegistry(tls=server_context(pki, certificate)) as registry:
        world.registry = registry
        if certificate != "server":
            directory = tmp_path / "certs" / registry.authority
            directory.mkdir(parents=True)
            (directory / "ca.crt").write_bytes((pki / "ca.crt").read_bytes())
        world.settings = fast(certificates=(tmp_path / "certs",))
        text = failure(world, secure=True)
    url = f'Get "https://{registry.authority}/v2/some/image/manifests/latest"'
    assert text.startswith(f"{url}: tls: failed to verify certificate: {cause}")
    assert registry.requests == []


def test_a_captive_portal(world, registry):
    portal = content(b"<!DOCTYPE html><html>Please pay</html>", "text/html; charset=utf-8")
    registry.lie("GET", "/", portal, times=9)
    registry.lie("HEAD", "/", portal, times=9)
    with (
        pytest.raises(InvalidArgument, match="answered with a web page") as caught,
        world.content.lease() as lease,
    ):
        world.client.pull(world.reference(), lease, platform=AMD64)
    assert registry.authority in caught.value.message
    assert "captive portal" in str(caught.value)


def test_a_name_that_does_not_exist(world):
    reference = parse_reference("nowhere.invalid/some/image")
    with pytest.raises(Unreachable) as caught:
        world.client.resolve(reference)
    assert caught.value.message.startswith(
        'Get "https://nowhere.invalid/v2/some/image/manifests/latest": dial tcp: '
        "lookup nowhere.invalid: "
    )


def test_a_registry_that_speaks_plain_http(world, registry):
    words = "http: server gave HTTP response to HTTPS client"
    with world.repository() as repository:
        repository._endpoints = [repository.endpoint]  # secure: no plain HTTP behind it
        with pytest.raises(Unreachable, match=words):
            repository.document("latest", world.cancel)
    assert all(request.method == "" for request in registry.requests)


def test_a_proxy_that_is_not_there(world):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    world.with_settings(https_proxy=f"http://user:secret@127.0.0.1:{port}")
    with pytest.raises(Unreachable) as caught:
        world.client.resolve(parse_reference("registry.example/some/image"))
    assert f"proxyconnect tcp: dial tcp 127.0.0.1:{port}: connect: connection refused" in str(
        caught.value
    )
    assert "secret" not in str(caught.value)


def test_a_proxy_that_refuses(world, registry):
    # The registry is no proxy: CONNECT is a method that it does not know.
    world.with_settings(https_proxy=f"http://{registry.authority}")
    with pytest.raises(Unreachable) as caught:
        world.client.resolve(parse_reference("registry.example/some/image"))
    assert f"proxy {registry.authority} refuses to connect: 501" in str(caught.value)


def test_a_server_that_never_shakes_hands(world):
    with socket.create_server(("127.0.0.1", 0)) as server:
        world.registry = LyingRegistry()
        world.registry.port = server.getsockname()[1]
        world.settings = fast(connect_timeout_s=0.1)
        assert "net/http: TLS handshake timeout" in failure(world)


def test_an_address_that_swallows_packets(world, black_hole):
    world.registry = LyingRegistry()
    world.registry.port = black_hole
    world.settings = fast(connect_timeout_s=0.1)
    assert f"dial tcp 127.0.0.1:{black_hole}: i/o timeout" in failure(world)


def test_one_bad_address_of_two_costs_less_than_a_second(world, registry, black_hole, monkeypatch):
    infos = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
        for port in (black_hole, registry.port)
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: infos)
    begun = time.monotonic()
    dial("registry.example", 443, 30, world.cancel).close()
    assert time.monotonic() - begun < 1


def test_ipv6_that_leads_nowhere_costs_less_than_a_second(world, registry, monkeypatch):
    infos = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::1", 443, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", registry.port)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: infos)
    begun = time.monotonic()
    dial("registry.example", 443, 30, world.cancel).close()
    assert time.monotonic() - begun < 1


@pytest.mark.integration
def test_one_packet_in_a_hundred_that_is_lost_costs_only_time(tmp_path):
    loss = [
        "nft add table ip loss",
        "nft 'add chain ip loss input { type filter hook input priority 0; }'",
        "nft add rule ip loss input numgen random mod 100 < 1 counter drop",
    ]
    layers = [os.urandom(3_000_000) for _ in range(4)]
    with own_network(*loss), LyingRegistry() as registry:
        image = registry.add_image("some/image", "latest", layers)
        content = ContentStore(tmp_path / "content")
        content.start()
        world = World(registry, content, fast())
        with content.lease() as lease:
            world.client.pull(world.reference(), lease, platform=AMD64)
            world.client.push(world.reference("other/image:latest"), lease_target(world, image))
        assert set(image.layers) <= world.blobs()


def lease_target(world, image):
    return world.client.resolve(world.reference(f"some/image@{image.manifest}")).descriptor
