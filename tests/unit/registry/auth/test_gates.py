from __future__ import annotations

import base64

import pytest

from baleen.registry.access import Action
from baleen.registry.auth.gates import BasicGate, TokenGate, wanted_scopes
from baleen.registry.auth.guesses import TooManyRequests
from baleen.registry.auth.keys import TrustedKeys, generate_signing_key
from baleen.registry.auth.scopes import CATALOG, parse_scopes, repository_scope
from baleen.registry.auth.tokens import TokenSigner, TokenVerifier
from baleen.registry.errors import ApiError
from baleen.registry.messages import Request

KEY = generate_signing_key()
PULL, PUSH, DELETE = Action.PULL, Action.PUSH, Action.DELETE


def request(authorization=None, **headers):
    if authorization is not None:
        headers["authorization"] = authorization
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/v2/",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("192.0.2.1", 1),
    }
    return Request(scope, None)


def basic(text):
    return request("Basic " + base64.b64encode(text.encode()).decode())


def bearer(scopes, subject="ann"):
    token = TokenSigner(KEY, "issuer").sign(subject, "registry", parse_scopes([scopes]))
    return request(f"Bearer {token}")


async def refused(gate, repository, actions, asked):
    with pytest.raises(ApiError) as caught:
        await gate.authorize(repository, actions, asked)
    return caught.value


@pytest.fixture
def by_password(people, policy):
    return BasicGate(people, policy, "the registry")


@pytest.fixture
def by_token(policy):
    verifier = TokenVerifier(lambda: TrustedKeys.of(KEY.public), "issuer", "registry")
    return TokenGate(verifier, "https://example.com/token", "registry", policy)


def test_wanted_scopes():
    assert wanted_scopes(None, set()) == []
    assert wanted_scopes("a", {PULL, PUSH}) == [repository_scope("a", "pull", "push")]
    assert wanted_scopes(None, {Action.CATALOG}) == [CATALOG]


class TestByPassword:
    async def test_who_may_passes_and_is_noted(self, by_password):
        asked = basic("ann:secret")
        actor = await by_password.authorize("ann/x", {PULL, PUSH}, asked)
        assert actor.name == "ann"
        assert asked.scope["state"]["user"] == "ann"
        assert await by_password.allows(actor, PULL, "public/y", asked)
        assert not await by_password.allows(actor, PULL, "bob/x", asked)
        names = ["ann/x", "bob/x", "public/y"]
        assert await by_password.visible(actor, names, asked) == ["ann/x", "public/y"]

    async def test_a_login_needs_a_password(self, by_password):
        for asked in (request(), basic(":")):
            error = await refused(by_password, None, set(), asked)
            assert error.status == 401
            assert error.headers["www-authenticate"] == 'Basic realm="the registry"'
        assert (await by_password.authorize(None, set(), basic("bob:geheim"))).name == "bob"

    async def test_nobody_in_particular_has_the_rights_of_everybody(self, by_password):
        actor = await by_password.authorize("public/y", {PULL}, request())
        assert actor.name == ""
        assert (await refused(by_password, "public/y", {PUSH}, request())).status == 401
        assert (await refused(by_password, "ann/x", {PULL}, request())).status == 401

    async def test_a_known_user_without_the_right_is_denied(self, by_password):
        error = await refused(by_password, "ann/x", {PULL}, basic("bob:geheim"))
        assert (error.status, error.code) == (403, "DENIED")
        assert (
            await refused(by_password, None, {Action.CATALOG}, basic("bob:geheim"))
        ).status == 403

    @pytest.mark.parametrize("header", ["Basic !", "Bearer x", "Digest y"])
    async def test_wrong_credentials_are_refused_even_where_everybody_may(
        self, by_password, header
    ):
        assert (await refused(by_password, "public/y", {PULL}, request(header))).status == 401
        assert (await refused(by_password, "public/y", {PULL}, basic("ann:no"))).status == 401

    async def test_too_many_guesses_are_429(self, by_password, people, monkeypatch):
        async def refuse(*_):
            raise TooManyRequests("wait", retry_after_s=7)

        monkeypatch.setattr(people, "authenticate", refuse)
        error = await refused(by_password, "ann/x", {PULL}, basic("ann:x"))
        assert (error.status, error.headers) == (429, {"retry-after": "7"})


class TestByToken:
    async def test_a_token_opens_what_it_names(self, by_token):
        asked = bearer("repository:ann/x:pull,push repository:b:pull")
        actor = await by_token.authorize("ann/x", {PULL, PUSH}, asked)
        assert actor.name == "ann"
        assert await by_token.allows(actor, PULL, "b", asked)
        assert not await by_token.allows(actor, PUSH, "b", asked)
        assert await by_token.visible(actor, ["ann/x", "bob/x"], asked) == ["ann/x"]

    async def test_a_login_needs_any_token(self, by_token):
        assert (await by_token.authorize(None, set(), bearer(""))).name == "ann"
        error = await refused(by_token, None, set(), request())
        assert error.headers["www-authenticate"] == (
            'Bearer realm="https://example.com/token",service="registry"'
        )

    async def test_a_challenge_names_what_is_needed(self, by_token):
        error = await refused(by_token, "ann/x", {PULL, PUSH}, request())
        assert error.status == 401
        assert 'scope="repository:ann/x:pull,push"' in error.headers["www-authenticate"]
        assert "error=" not in error.headers["www-authenticate"]
        assert error.detail[0]["Name"] == "ann/x"
        error = await refused(by_token, "ann/x", {DELETE}, bearer("repository:ann/x:pull"))
        assert 'error="insufficient_scope"' in error.headers["www-authenticate"]
        error = await refused(by_token, "ann/x", {PULL}, request("Bearer x"))
        assert 'error="invalid_token"' in error.headers["www-authenticate"]
        error = await refused(by_token, None, {Action.CATALOG}, request())
        assert 'scope="registry:catalog:*"' in error.headers["www-authenticate"]

    async def test_the_realm_is_the_configurations(self, by_token):
        hostile = {
            "host": "evil.example",
            "x-forwarded-host": "evil.example",
            "x-forwarded-proto": "gopher",
            "forwarded": "host=evil.example",
        }
        error = await refused(by_token, "ann/x", {PULL}, request(**hostile))
        assert "evil" not in error.headers["www-authenticate"]

    async def test_a_password_is_no_token(self, by_token):
        assert (await refused(by_token, "public/y", {PULL}, basic("ann:secret"))).status == 401

    async def test_without_rights_of_our_own_the_catalog_is_whole(self):
        verifier = TokenVerifier(lambda: TrustedKeys.of(KEY.public), "issuer", "registry")
        gate = TokenGate(verifier, "https://example.com/token", "registry")
        asked = bearer("registry:catalog:*")
        actor = await gate.authorize(None, {Action.CATALOG}, asked)
        assert await gate.visible(actor, ["a", "b"], asked) == ["a", "b"]
