from __future__ import annotations

import base64

import msgspec
import pytest

from baleen.registry.auth.guesses import TooManyRequests
from baleen.registry.auth.issuer import Issuer
from baleen.registry.auth.keys import TrustedKeys, generate_signing_key
from baleen.registry.auth.refresh_tokens import RefreshTokens
from baleen.registry.auth.scopes import format_scopes
from baleen.registry.auth.tokens import TokenSigner, TokenVerifier

KEY = generate_signing_key()


def basic(text):
    return "Basic " + base64.b64encode(text.encode()).decode()


def claims(answer, service="registry"):
    assert answer.status == 200, answer.body
    verifier = TokenVerifier(lambda: TrustedKeys.of(KEY.public), "issuer", service)
    return verifier.verify(msgspec.json.decode(answer.body)["access_token"])


def scope(answer):
    return format_scopes(claims(answer).granted)


def error(answer):
    return msgspec.json.decode(answer.body)


@pytest.fixture
def refresh_tokens():
    tokens = RefreshTokens(":memory:")
    yield tokens
    tokens.close()


@pytest.fixture
def issuer(people, policy, refresh_tokens):
    signer = TokenSigner(KEY, "issuer")
    return Issuer(people, policy, signer, refresh_tokens, frozenset({"registry", "second"}))


async def test_a_token_for_an_account(issuer):
    answer = await issuer.get(
        "service=registry&scope=repository:ann/x:pull,push&scope=repository:public/y:pull,push",
        basic("ann:secret"),
        "",
    )
    assert claims(answer).subject == "ann"
    assert scope(answer) == "repository:ann/x:pull,push repository:public/y:pull"
    fields = msgspec.json.decode(answer.body)
    assert fields["token"] == fields["access_token"]
    assert fields["expires_in"] == 300
    assert fields["issued_at"].endswith("Z")
    assert "refresh_token" not in fields
    assert answer.headers["Cache-Control"] == "no-store"


async def test_a_token_for_nobody_holds_what_everybody_may(issuer):
    answer = await issuer.get(
        "service=registry&scope=repository:public/y:pull,push+repository:ann/x:pull", None, ""
    )
    assert claims(answer).subject == ""
    assert scope(answer) == "repository:public/y:pull"


async def test_a_login_asks_for_no_scope(issuer):
    answer = await issuer.get(
        "account=ann&service=registry&client_id=docker", basic("ann:secret"), ""
    )
    assert scope(answer) == ""


async def test_wrong_credentials_are_not_taken_for_none(issuer):
    for header in (basic("ann:wrong"), "Basic !", "Bearer x"):
        answer = await issuer.get("service=registry", header, "")
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
        assert error(answer)["errors"][0]["code"] == "UNAUTHORIZED"


@pytest.mark.parametrize(
    "query", ["", "service=other", "service=", "service=registry%00", "&" * 500]
)
async def test_only_known_services_get_tokens(issuer, query):
    assert (await issuer.get(query, basic("ann:secret"), "")).status == 400
    form = f"{query}&grant_type=password&username=ann&password=secret"
    assert (await issuer.post(form, "")).status == 400


async def test_a_service_gets_no_token_of_another(issuer):
    answer = await issuer.get("service=second", basic("ann:secret"), "")
    assert claims(answer, "second").subject == "ann"
    with pytest.raises(Exception, match="another service"):
        claims(answer, "registry")


async def test_a_refresh_token_replaces_the_password(issuer):
    first = await issuer.post(
        "grant_type=password&service=registry&client_id=docker&access_type=offline"
        "&username=ann&password=secret&scope=repository:ann/x:pull",
        "",
    )
    refresh = msgspec.json.decode(first.body)["refresh_token"]
    assert scope(first) == "repository:ann/x:pull"
    second = await issuer.post(
        f"grant_type=refresh_token&service=registry&refresh_token={refresh}"
        "&scope=repository:ann/x:push+repository:bob/y:pull",
        "",
    )
    assert scope(second) == "repository:ann/x:push"
    fields = msgspec.json.decode(second.body)
    assert fields["refresh_token"] == refresh
    assert fields["scope"] == "repository:ann/x:push"


async def test_get_gives_a_refresh_token_when_asked(issuer):
    answer = await issuer.get("service=registry&offline_token=true", basic("ann:secret"), "")
    refresh = msgspec.json.decode(answer.body)["refresh_token"]
    form = f"grant_type=refresh_token&service=registry&refresh_token={refresh}"
    assert claims(await issuer.post(form, "")).subject == "ann"
    nobody = await issuer.get("service=registry&offline_token=true", None, "")
    assert "refresh_token" not in msgspec.json.decode(nobody.body)


async def test_a_refresh_token_is_for_one_service(issuer):
    answer = await issuer.get("service=registry&offline_token=true", basic("ann:secret"), "")
    refresh = msgspec.json.decode(answer.body)["refresh_token"]
    answer = await issuer.post(
        f"grant_type=refresh_token&service=second&refresh_token={refresh}", ""
    )
    assert answer.status == 401
    assert error(answer)["error"] == "invalid_grant"


async def test_revoked_it_is_void(issuer):
    answer = await issuer.get("service=registry&offline_token=true", basic("ann:secret"), "")
    refresh = msgspec.json.decode(answer.body)["refresh_token"]
    assert (await issuer.revoke(f"token={refresh}")).status == 200
    assert (await issuer.revoke("token=unknown")).status == 200
    form = f"grant_type=refresh_token&service=registry&refresh_token={refresh}"
    assert (await issuer.post(form, "")).status == 401


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ("grant_type=password&username=ann&password=wrong", 401, "invalid_grant"),
        ("grant_type=password", 401, "invalid_grant"),
        ("grant_type=refresh_token", 401, "invalid_grant"),
        ("grant_type=authorization_code", 400, "unsupported_grant_type"),
        ("", 400, "unsupported_grant_type"),
    ],
)
async def test_errors_of_oauth(issuer, form, status, code):
    answer = await issuer.post(f"service=registry&{form}", "")
    assert (answer.status, error(answer)["error"]) == (status, code)


async def test_too_many_guesses_are_429(issuer, people, monkeypatch):
    async def refuse(*_):
        raise TooManyRequests("wait", retry_after_s=7)

    monkeypatch.setattr(people, "authenticate", refuse)
    for answer in (
        await issuer.get("service=registry", basic("ann:x"), ""),
        await issuer.post("grant_type=password&service=registry&username=ann", ""),
    ):
        assert answer.status == 429
        assert answer.headers["Retry-After"] == "7"


async def test_an_issuer_may_have_no_refresh_tokens(people, policy):
    issuer = Issuer(people, policy, TokenSigner(KEY, "issuer"), None, frozenset({"registry"}))
    answer = await issuer.get("service=registry&offline_token=true", basic("ann:secret"), "")
    assert "refresh_token" not in msgspec.json.decode(answer.body)
    form = "grant_type=refresh_token&service=registry&refresh_token=x"
    assert (await issuer.post(form, "")).status == 401
    assert (await issuer.revoke("token=x")).status == 200
