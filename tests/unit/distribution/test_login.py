from __future__ import annotations

import pytest
from lying_registry import LyingRegistry, status
from registry_world import server_context

from baleen.distribution.cancellation import Cancellation
from baleen.distribution.credentials import Credentials
from baleen.distribution.hosts import endpoint_of
from baleen.distribution.login import log_in
from baleen.distribution.settings import RegistrySettings
from baleen.errors import Unauthorized, Unavailable

USER = Credentials(username="user", password="secret")
WRONG = Credentials(username="user", password="wrong")
SETTINGS = RegistrySettings(certificates=(), connect_timeout_s=10, stall_timeout_s=10)


def login(registry, credentials=USER):
    authority = registry.authority
    ways = [endpoint_of(f"{scheme}://{authority}", insecure=True) for scheme in ("https", "http")]
    return log_in(SETTINGS, ways, credentials, Cancellation())


def test_an_open_registry_lets_everybody_in(registry):
    assert login(registry).status == "Login Succeeded"


@pytest.mark.parametrize("auth", ["basic", "bearer"])
def test_good_credentials_succeed_and_wrong_ones_do_not(auth):
    with LyingRegistry(auth=auth) as registry:
        found = login(registry)
        assert found.status == "Login Succeeded"
        assert found.identity_token == ("identity" if auth == "bearer" else "")
        assert "identity" not in repr(found)
        with pytest.raises(Unauthorized, match="unauthorized: ") as caught:
            login(registry, WRONG)
        assert f'"{registry.url}/v2/"' in caught.value.message or registry.url in str(caught.value)


def test_no_credentials_are_dockers_error():
    with (
        LyingRegistry(auth="basic") as registry,
        pytest.raises(Unauthorized, match=r'Get "http://.*/v2/": no basic auth credentials'),
    ):
        login(registry, Credentials())


def test_an_identity_token_is_good_for_a_login():
    with LyingRegistry(auth="bearer") as registry:
        token = Credentials(username="<token>", identity_token="identity")
        assert login(registry, token).status == "Login Succeeded"


def test_a_registry_that_fails_is_named(registry):
    registry.lie("GET", "/v2/", status(500))
    with pytest.raises(Unavailable, match=r"login attempt to http://.* failed with status: 500"):
        login(registry)


def test_a_wrong_certificate_is_no_reason_to_use_plain_http(pki):
    with LyingRegistry(tls=server_context(pki)) as registry:
        ways = [endpoint_of(registry.url), endpoint_of(f"http://{registry.authority}")]
        with pytest.raises(Unavailable, match="unknown authority"):
            log_in(SETTINGS, ways, USER, Cancellation())
