from __future__ import annotations

import msgspec
import pytest

from baleen.errors import Unavailable
from baleen.registry.auth.issuer import Issuer
from baleen.registry.auth.keys import generate_signing_key
from baleen.registry.auth.token_app import TokenApp
from baleen.registry.auth.tokens import TokenSigner

KEY = generate_signing_key()
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def application(people, policy):
    issuer = Issuer(people, policy, TokenSigner(KEY, "issuer"), None, frozenset({"registry"}))
    return TokenApp(issuer, KEY.jwks())


async def test_tokens_by_get_and_post(application, call):
    answer = await call(application, "GET", "/token", query="service=registry")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    body = b"grant_type=password&service=registry&username=ann&password=secret"
    answer = await call(application, "POST", "/token", headers=FORM, body=body)
    assert answer.status == 200
    assert answer.json()["access_token"]


async def test_public_keys(application, call):
    answer = await call(application, "GET", "/token/keys")
    assert answer.json()["keys"][0]["kid"] == KEY.key_id


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status"),
    [
        ("DELETE", "/token", {}, b"", 405),
        ("GET", "/token/revoke", {}, b"", 405),
        ("POST", "/token/keys", {}, b"", 405),
        ("POST", "/token", {}, b"grant_type=password", 415),
        ("POST", "/token", {"Content-Type": "application/json"}, b"{}", 415),
        ("POST", "/token", FORM, b"x" * 70_000, 413),
        ("POST", "/token", FORM, b"\xff\xfe=%ff", 400),
        ("POST", "/token/revoke", FORM, b"token=x", 200),
        ("GET", "/token/", {}, b"", 404),
        ("GET", "/", {}, b"", 404),
    ],
)
async def test_other_requests(application, call, method, path, headers, body, status):
    assert (await call(application, method, path, headers=headers, body=body)).status == status


async def test_a_failing_store_is_503(people, policy, call, monkeypatch):
    async def fail(*_):
        raise Unavailable("the disk is full")

    monkeypatch.setattr(people, "authenticate", fail)
    issuer = Issuer(people, policy, TokenSigner(KEY, "issuer"), None, frozenset({"registry"}))
    headers = {"Authorization": "Basic YTpi"}
    answer = await call(
        TokenApp(issuer, b""), "GET", "/token", query="service=registry", headers=headers
    )
    assert answer.status == 503


async def test_everything_else_goes_behind(people, policy, call, application):
    async def behind(scope, receive, send):
        await send({"type": "http.response.start", "status": 299, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    issuer = Issuer(people, policy, TokenSigner(KEY, "issuer"), None, frozenset({"registry"}))
    application = TokenApp(issuer, KEY.jwks(), behind)
    assert (await call(application, "GET", "/v2/")).status == 299
    assert (await call(application, "GET", "/token", query="service=registry")).status == 200


async def test_alone_it_has_a_life_of_its_own(application, lifespan):
    async with lifespan(application):
        pass


async def test_answers_are_json_and_say_their_length(application, call):
    answer = await call(application, "GET", "/token", query="service=other")
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert msgspec.json.decode(answer.body)["errors"][0]["code"] == "UNSUPPORTED"
