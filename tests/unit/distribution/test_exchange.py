from __future__ import annotations

import pytest
from lying_registry import LyingRegistry, content, redirect, status
from registry_world import server_context

from baleen.distribution import exchange as module
from baleen.distribution.answers import Unreachable
from baleen.distribution.cancellation import Cancellation, Cancelled
from baleen.distribution.connection import Connection
from baleen.distribution.exchange import Exchange, Target, error_of
from baleen.distribution.hosts import endpoint_of
from baleen.distribution.settings import RegistrySettings
from baleen.errors import NotFound, PermissionDenied


@pytest.fixture
def exchange():
    made = Exchange(RegistrySettings(certificates=(), stall_timeout_s=10))
    yield made
    made.close()


def at(registry, path="/v2/", **options):
    return Target(endpoint_of(registry.url, insecure=True), path, **options)


def send(exchange, target, method="GET", headers=None, **options):
    return exchange.send(target, method, headers or {}, Cancellation(), **options)


@pytest.fixture
def connections(monkeypatch):
    made = []

    class Counted(Connection):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            made.append(self)

    monkeypatch.setattr(module, "Connection", Counted)
    return made


def test_connections_are_used_again(registry, exchange, connections):
    for _ in range(3):
        assert exchange.finish(send(exchange, at(registry))) == b"{}"
    assert len(connections) == 1
    exchange.close()
    exchange.finish(send(exchange, at(registry)))
    assert exchange._idle == {} or not any(exchange._idle.values())


def test_a_kept_connection_that_was_closed_is_replaced(registry, exchange, connections):
    registry.lie("GET", "/x", status(200))
    exchange.finish(send(exchange, at(registry, "/x")))
    registry.server.close_all()
    assert exchange.finish(send(exchange, at(registry))) == b"{}"
    assert len(connections) == 2


def test_a_failure_names_method_url_and_cause(registry, exchange):
    registry.lie("GET", "/x", lambda handler: setattr(handler, "close_connection", True))
    with pytest.raises(Unreachable, match=rf'Get "http://{registry.authority}/x\?a=b": EOF'):
        send(exchange, at(registry, "/x?a=b"))


def test_a_redirect_is_followed_without_the_proof_to_another_host(registry, exchange):
    with LyingRegistry() as other:
        other.lie("GET", "/there", content(b"moved"))
        registry.lie("GET", "/here", redirect(f"{other.url}/there?signed=1"))
        proof = {"Authorization": "Bearer x", "Range": "bytes=1-"}
        reply = send(exchange, at(registry, "/here"), headers=proof, follow=True)
        assert exchange.finish(reply) == b"moved"
        (seen,) = other.requests
        assert seen.path == "/there?signed=1"
        assert "Authorization" not in seen.headers
        assert seen.headers["Range"] == "bytes=1-"


def test_a_redirect_on_the_same_host_keeps_the_proof(registry, exchange):
    registry.lie("GET", "/here", redirect("/there"))
    registry.lie("GET", "/there", content(b"moved"))
    reply = send(exchange, at(registry, "/here"), headers={"Authorization": "x"}, follow=True)
    assert exchange.finish(reply) == b"moved"
    assert registry.requests[1].headers["Authorization"] == "x"


def test_redirects_in_a_circle_end(registry, exchange):
    registry.lie("GET", "/here", redirect("/here"), times=100)
    with pytest.raises(Unreachable, match="stopped after 5 redirects"):
        send(exchange, at(registry, "/here"), follow=True)
    assert len(registry.requests) == 6


def test_without_leave_a_redirect_is_an_answer(registry, exchange):
    registry.lie("POST", "/here", redirect("/there"))
    reply = send(exchange, at(registry, "/here"), "POST")
    exchange.finish(reply)
    assert reply.status == 307


@pytest.mark.parametrize("url", ["file:///etc/passwd", "gopher://x/", "http://u:p@127.0.0.1/"])
def test_a_redirect_to_another_kind_of_place_is_not_followed(registry, exchange, url):
    registry.lie("GET", "/here", redirect(url))
    with pytest.raises(PermissionDenied, match="is not followed"):
        send(exchange, at(registry, "/here"), follow=True)


def test_a_redirect_out_of_tls_is_not_followed():
    target = Target(endpoint_of("https://reg.example"), "/x")
    with pytest.raises(PermissionDenied, match="from https to"):
        target.follow("http://reg.example/x")
    assert target.follow("https://cdn.example/y?z").url == "https://cdn.example/y?z"


def test_a_registry_cannot_send_us_to_this_machine(registry, exchange):
    target = Target(endpoint_of("https://reg.example"), "/x").follow(
        f"https://127.0.0.1:{registry.port}/latest/meta-data"
    )
    assert target.foreign
    with pytest.raises(Unreachable, match="the address is not permitted"):
        send(exchange, target)
    assert registry.requests == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("10.0.0.1", True),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("::ffff:169.254.169.254", False),
        ("2001:db8::1", True),
    ],
)
def test_addresses_that_others_may_name(address, public):
    assert module._is_public(address) is public


def test_the_query_of_a_signed_address_is_not_shown():
    target = Target(endpoint_of("https://cdn.example"), "/x?signature=secret", foreign=True)
    assert target.shown == "https://cdn.example/x?..."


def test_a_location_cannot_bring_a_header_along(registry):
    target = at(registry).follow("/x y\r\nZ: 1")
    assert " " not in target.path
    assert "\r" not in target.path


def test_plain_http_goes_through_the_proxy_whole(registry):
    # The proxy is the registry itself: it only has to see what it is asked for.
    settings = RegistrySettings(http_proxy=f"http://u:p@{registry.authority}", certificates=())
    exchange = Exchange(settings)
    target = Target(endpoint_of("http://reg.example:5000"), "/v2/")
    exchange.finish(send(exchange, target))
    exchange.close()
    (seen,) = registry.requests
    assert seen.path == "http://reg.example:5000/v2/"
    assert seen.headers["Host"] == "reg.example:5000"
    assert seen.headers["Proxy-Authorization"] == "Basic dTpw"


def test_a_certificate_of_the_directory_is_used(pki, tmp_path):
    with LyingRegistry(tls=server_context(pki)) as registry:
        directory = tmp_path / registry.authority
        directory.mkdir()
        target = Target(endpoint_of(registry.url), "/v2/")
        for known in (False, True):
            exchange = Exchange(RegistrySettings(certificates=(tmp_path,)))
            if known:
                (directory / "ca.crt").write_bytes((pki / "ca.crt").read_bytes())
                assert exchange.finish(send(exchange, target)) == b"{}"
            else:
                with pytest.raises(Unreachable, match="unknown authority") as caught:
                    send(exchange, target)
                assert caught.value.untrusted
            exchange.close()


def test_a_cancelled_operation_asks_nobody(registry, exchange):
    cancel = Cancellation()
    cancel.cancel()
    with pytest.raises(Cancelled):
        exchange.send(at(registry), "GET", {}, cancel)
    assert registry.requests == []


def test_an_answer_becomes_an_error(registry, exchange):
    err = error_of(exchange, send(exchange, at(registry, "/v2/nowhere/manifests/x")))
    assert type(err) is NotFound
    assert err.message == "manifest unknown: manifest unknown"
