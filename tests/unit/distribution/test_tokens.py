from __future__ import annotations

import threading
import time
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
from lying_registry import LyingRegistry, content, redirect, status

from baleen.distribution import tokens as module
from baleen.distribution.cancellation import Cancellation
from baleen.distribution.credentials import Credentials
from baleen.distribution.exchange import Exchange, Target
from baleen.distribution.hosts import endpoint_of
from baleen.distribution.settings import RegistrySettings
from baleen.distribution.tokens import Authorizer
from baleen.errors import PermissionDenied, Unauthorized, Unavailable

USER = Credentials(username="user", password="secret")
SCOPE = "repository:some/image:pull"
PATH = "/v2/some/image/manifests/latest"


class Client:
    """Asks as `Repository` does; closed at the end of the test."""

    made: ClassVar[list] = []

    def __init__(self, registry, credentials=USER, *, insecure=True, mirror=False, **options):
        self.endpoint = endpoint_of(registry.url, insecure=insecure, mirror=mirror)
        self.exchange = Exchange(RegistrySettings(certificates=()))
        self.authorizer = Authorizer(self.exchange, credentials, **options)
        self.cancel = Cancellation()
        self.made.append(self)

    def get(self, scopes=(SCOPE,)):
        for attempt in range(3):
            proof = self.authorizer.headers(self.endpoint, scopes, self.cancel)
            reply = self.exchange.send(Target(self.endpoint, PATH), "GET", proof, self.cancel)
            try:
                again = (
                    reply.status == 401
                    and attempt < 2
                    and self.authorizer.challenged(self.endpoint, reply, proof)
                )
            finally:
                self.exchange.finish(reply)
            if not again:
                return reply.status
        raise AssertionError


@pytest.fixture(autouse=True)
def all_are_closed():
    yield
    while Client.made:
        Client.made.pop().exchange.close()


@pytest.fixture
def bearer():
    with LyingRegistry(auth="bearer") as registry:
        registry.add_image("some/image", "latest", [b"x"])
        yield registry


@pytest.fixture
def basic():
    with LyingRegistry(auth="basic") as registry:
        registry.add_image("some/image", "latest", [b"x"])
        yield registry


def queries(registry):
    return [parse_qs(urlsplit(request.path).query) for request in registry.asked("GET", "/token")]


def test_nothing_is_sent_before_it_is_asked_for(registry):
    registry.add_image("some/image", "latest", [b"x"])
    assert Client(registry).get() == 200
    assert "Authorization" not in registry.requests[0].headers


def test_basic_credentials_are_sent_after_the_challenge(basic):
    client = Client(basic)
    assert [client.get(), client.get()] == [200, 200]
    sent = [request.headers.get("Authorization") for request in basic.requests]
    assert sent == [None, "Basic dXNlcjpzZWNyZXQ=", "Basic dXNlcjpzZWNyZXQ="]


def test_wrong_basic_credentials_are_tried_once(basic):
    assert Client(basic, Credentials(username="user", password="wrong")).get() == 401
    assert len(basic.requests) == 2


def test_a_basic_challenge_without_credentials_is_dockers_error(basic):
    with pytest.raises(Unauthorized, match="no basic auth credentials"):
        Client(basic, Credentials()).get()


def test_a_token_is_fetched_once_and_used_again(bearer):
    client = Client(bearer)
    assert [client.get() for _ in range(3)] == [200] * 3
    assert queries(bearer) == [
        {"service": ["lying, registry"], "scope": [SCOPE], "account": ["user"]}
    ]


def test_a_token_is_had_without_credentials_too(bearer):
    assert Client(bearer, Credentials()).get() == 200
    assert "Authorization" not in bearer.asked("GET", "/token")[0].headers


def test_many_scopes_are_asked_for_in_one_token(bearer):
    client = Client(bearer)
    assert client.get([SCOPE, "repository:other:pull"]) == 200
    assert queries(bearer)[0]["scope"] == ["repository:other:pull", SCOPE]


def test_a_token_that_is_refused_is_renewed_once(bearer):
    client = Client(bearer)
    client.get()
    bearer.revoke()
    assert client.get() == 200
    assert len(queries(bearer)) == 2
    bearer.lie("GET", PATH, status(401, headers={
        "WWW-Authenticate": f'Bearer realm="{bearer.url}/token"'}), times=10)  # fmt: skip
    assert client.get() == 401


def test_a_token_is_renewed_before_it_expires(bearer, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    client = Client(bearer)
    client.get()
    now[0] += bearer.token_life_s - 11
    client.get()
    assert len(queries(bearer)) == 1
    now[0] += 2
    client.get()
    assert len(queries(bearer)) == 2


def test_threads_share_one_token(bearer):
    client = Client(bearer)
    client.get()
    bearer.revoke()
    client.authorizer._known.clear()
    client.get()
    before = len(queries(bearer))
    threads = [threading.Thread(target=client.get) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(queries(bearer)) == before


def test_an_identity_token_is_exchanged_by_post(bearer):
    assert Client(bearer, Credentials(username="<token>", identity_token="identity")).get() == 200
    (request,) = bearer.asked("POST", "/token")
    form = parse_qs(request.body.decode())
    assert form["grant_type"] == ["refresh_token"]
    assert form["scope"] == [SCOPE]
    assert form["service"] == ["lying, registry"]
    assert "identity" not in request.path


def test_where_there_is_no_post_the_password_helps(bearer):
    bearer.lie("POST", "/token", status(405))
    both = Credentials(username="user", password="secret", identity_token="identity")
    assert Client(bearer, both).get() == 200


def test_a_registry_token_is_sent_as_it_is(bearer):
    bearer.tokens["mine"] = []
    assert Client(bearer, Credentials(registry_token="mine")).get() == 200
    assert queries(bearer) == []
    bearer.revoke()
    assert Client(bearer, Credentials(registry_token="mine")).get() == 401


def test_login_asks_for_an_identity_token(bearer):
    client = Client(bearer, identity=True)
    client.get(())
    assert client.authorizer.refresh_token == "identity"
    assert queries(bearer)[0]["offline_token"] == ["true"]


def test_wrong_credentials_are_said_in_the_services_words(bearer):
    with pytest.raises(Unauthorized, match="unauthorized: incorrect username or password"):
        Client(bearer, Credentials(username="user", password="wrong")).get()


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (status(500), Unavailable, "token service .*: received unexpected HTTP status: 500"),
        (content(b"<html>"), Unavailable, "the answer is not a token's JSON"),
        (content(b"{}"), Unauthorized, "did not include a token"),
        (content(b'{"token": "a\\r\\nX: y"}'), Unauthorized, "did not include a token"),
    ],
)
def test_a_token_service_that_gives_no_token_is_named(bearer, answer, kind, words):
    bearer.lie("GET", "/token", answer)
    with pytest.raises(kind, match=words):
        Client(bearer).get()


@pytest.mark.parametrize(
    "answer",
    [
        b'{"access_token": "good"}',
        b'{"token": "good", "access_token": null, "expires_in": 300.0, "issued_at": "x"}',
    ],
)
def test_token_services_differ_in_what_they_say(bearer, answer):
    bearer.tokens["good"] = []
    bearer.lie("GET", "/token", content(answer))
    assert Client(bearer).get() == 200


def test_a_mirror_is_never_shown_credentials(bearer, basic):
    assert Client(bearer, mirror=True).get() == 200
    assert "Authorization" not in bearer.asked("GET", "/token")[0].headers
    with pytest.raises(Unauthorized, match="no basic auth credentials"):
        Client(basic, mirror=True).get()
    assert all("Authorization" not in request.headers for request in basic.requests)


def test_a_secure_registry_cannot_have_credentials_sent_in_plain_http(bearer):
    client = Client(bearer)
    reply = client.exchange.send(Target(client.endpoint, PATH), "GET", {}, client.cancel)
    secure = endpoint_of("https://reg.example")
    assert client.authorizer.challenged(secure, reply, {})
    client.exchange.finish(reply)
    with pytest.raises(PermissionDenied, match="wants credentials to be sent in plain HTTP"):
        client.authorizer.headers(secure, [SCOPE], client.cancel)
    assert bearer.asked("GET", "/token") == []


def test_a_secure_registry_cannot_name_a_service_of_this_machine(bearer):
    client = Client(bearer)
    bearer.realm = f"https://127.0.0.1:{bearer.port}/token"
    reply = client.exchange.send(Target(client.endpoint, PATH), "GET", {}, client.cancel)
    secure = endpoint_of("https://reg.example")
    client.authorizer.challenged(secure, reply, {})
    client.exchange.finish(reply)
    with pytest.raises(Unavailable, match="not permitted"):
        client.authorizer.headers(secure, [SCOPE], client.cancel)


def test_a_token_service_that_redirects_gets_no_further(bearer):
    with LyingRegistry() as thief:
        bearer.lie("GET", "/token", redirect(f"{thief.url}/token"))
        with pytest.raises(Unavailable):
            Client(bearer).get()
        assert thief.requests == []


@pytest.mark.parametrize("realm", ["file:///etc/passwd", "nonsense", "https://u:p@x/token"])
def test_a_realm_that_is_no_url_is_refused(bearer, realm):
    bearer.realm = realm
    with pytest.raises(Exception, match="token service that is no URL"):
        Client(bearer).get()


def test_waiting_for_another_threads_token_can_be_cancelled(bearer):
    client = Client(bearer)
    client.get()
    client.authorizer._known[client.endpoint.origin].tokens.clear()
    with client.authorizer._turn:
        threading.Timer(0.02, client.cancel.cancel).start()
        begun = time.monotonic()
        with pytest.raises(Exception, match="context canceled"):
            client.authorizer.headers(client.endpoint, [SCOPE], client.cancel)
    assert time.monotonic() - begun < 10
