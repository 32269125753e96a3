"""Registries that are not on loopback, so nothing is trusted: in a network namespace of its own."""

from __future__ import annotations

import time

import pytest
from lying_registry import LyingRegistry
from registry_world import AMD64, fast, own_network, server_context

from baleen.distribution.answers import Unreachable
from baleen.distribution.credentials import Credentials
from baleen.distribution.registries import Registries
from baleen.errors import PermissionDenied, Unavailable
from baleen.oci.reference import parse_reference

pytestmark = pytest.mark.integration

ADDRESS = "192.0.2.1"
USER = Credentials(username="user", password="secret")


@pytest.fixture(autouse=True)
def outside():
    with own_network():
        yield


@pytest.fixture
def certs(tmp_path):
    return tmp_path / "certs.d"


def trust(certs, pki, registry, *names):
    directory = certs / registry.authority
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "ca.crt").write_bytes((pki / "ca.crt").read_bytes())
    for name in names:
        (directory / f"{name}.cert").write_bytes((pki / f"{name}.crt").read_bytes())
        (directory / f"{name}.key").write_bytes((pki / f"{name}.key").read_bytes())


def pull(registry, content, lease, settings, credentials=None):
    registry.add_image("some/image", "latest", [b"layer"])
    reference = parse_reference(f"{registry.authority}/some/image")
    client = Registries(settings, content)
    return client.pull(reference, lease, platform=AMD64, credentials=credentials)


def test_a_registry_is_believed_by_its_certificate_only(certs, pki, content, lease):
    with LyingRegistry(host=ADDRESS, tls=server_context(pki, "outside")) as registry:
        with pytest.raises(Unreachable, match="x509: certificate signed by unknown authority"):
            pull(registry, content, lease, fast(certificates=(certs,)))
        assert registry.requests == []
        trust(certs, pki, registry)
        assert pull(registry, content, lease, fast(certificates=(certs,))).target


def test_a_registry_in_plain_http_is_refused_at_once(content, lease):
    with LyingRegistry(host=ADDRESS) as registry:
        begun = time.monotonic()
        words = f'"https://{registry.authority}/v2/.*: http: server gave HTTP response to HTTPS'
        with pytest.raises(Unreachable, match=words):
            pull(registry, content, lease, fast(retry_delay_s=30))
        assert time.monotonic() - begun < 10
        assert all(not request.path.startswith("/v2/") for request in registry.requests)


@pytest.mark.parametrize("insecure", ["192.0.2.0/24", "192.0.2.1", "{authority}"])
def test_an_insecure_registry_may_speak_plain_http(content, lease, insecure):
    with LyingRegistry(host=ADDRESS) as registry:
        entry = insecure.format(authority=registry.authority)
        assert pull(registry, content, lease, fast(insecure=(entry,))).target


def test_an_insecure_registry_may_have_any_certificate(pki, content, lease):
    with LyingRegistry(host=ADDRESS, tls=server_context(pki, "expired")) as registry:
        assert pull(registry, content, lease, fast(insecure=("192.0.2.0/24",))).target


def test_our_certificate_is_shown_to_a_registry_that_asks(certs, pki, content, lease):
    context = server_context(pki, "outside")
    context.load_verify_locations(pki / "ca.crt")
    context.verify_mode = context.verify_mode.CERT_REQUIRED
    with LyingRegistry(host=ADDRESS, tls=context) as registry:
        trust(certs, pki, registry)
        with pytest.raises(Unreachable, match=r"EOF|certificate required"):
            pull(registry, content, lease, fast(certificates=(certs,), max_download_attempts=1))
        assert registry.requests == []
        trust(certs, pki, registry, "client")
        assert pull(registry, content, lease, fast(certificates=(certs,))).target


def test_tokens_are_had_in_tls_and_credentials_never_leave_it(certs, pki, content, lease):
    with LyingRegistry(host=ADDRESS, tls=server_context(pki, "outside"), auth="bearer") as registry:
        trust(certs, pki, registry)
        settings = fast(certificates=(certs,))
        assert pull(registry, content, lease, settings, USER).target
        with LyingRegistry(host=ADDRESS) as thief:
            registry.realm = f"{thief.url}/token"
            with pytest.raises(PermissionDenied, match="credentials to be sent in plain HTTP"):
                pull(registry, content, lease, settings, USER)
            registry.realm = f"https://127.0.0.1:{thief.port}/token"
            with pytest.raises(Unavailable, match="the address is not permitted"):
                pull(registry, content, lease, settings, USER)
            assert thief.requests == []
