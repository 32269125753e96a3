from __future__ import annotations

import jwt
import pytest

from baleen.errors import Unauthorized
from baleen.registry.auth.keys import TrustedKeys, generate_signing_key
from baleen.registry.auth.scopes import CATALOG, repository_scope
from baleen.registry.auth.tokens import TokenSigner, TokenVerifier

KEY = generate_signing_key()
NOW = 1_800_000_000.0


def signer(**options):
    return TokenSigner(options.pop("key", KEY), "issuer", clock=lambda: NOW, **options)


def verifier(now=NOW, trusted=None, issuer="issuer", service="registry"):
    keys = trusted or TrustedKeys.of(KEY.public)
    return TokenVerifier(lambda: keys, issuer, service, clock=lambda: now)


def signed(**claims):
    every = {"iss": "issuer", "aud": "registry", "exp": NOW + 100, "sub": "ann", **claims}
    every = {name: value for name, value in every.items() if value is not None}
    return jwt.encode(every, KEY.key, algorithm="ES256", headers={"kid": KEY.key_id})


def test_a_token_says_what_was_granted():
    granted = (repository_scope("a/b", "pull", "push"), CATALOG)
    claims = verifier().verify(signer().sign("ann", "registry", granted))
    assert claims.subject == "ann"
    assert claims.granted == granted
    assert claims.expires_at == NOW + 300
    assert len(claims.token_id) > 16


def test_a_token_has_dockers_form():
    header = jwt.get_unverified_header(signer().sign("", "registry", ()))
    assert header == {"typ": "JWT", "alg": "ES256", "kid": KEY.key_id}


@pytest.mark.parametrize(("now", "is_good"), [(299, True), (300, False), (-69, True), (-71, False)])
def test_a_token_lives_as_long_as_it_says(now, is_good):
    token = signer(life_s=300).sign("ann", "registry", ())
    if is_good:
        verifier(NOW + now).verify(token)
    else:
        with pytest.raises(Unauthorized):
            verifier(NOW + now).verify(token)


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "other"}, "another issuer"),
        ({"iss": None}, "missing"),
        ({"aud": "other"}, "another service"),
        ({"aud": None}, "claim is missing|another service"),
        ({"exp": None}, "missing"),
        ({"exp": True}, "exp is no time"),
        ({"exp": 1e300}, "exp is no time"),
        ({"nbf": "soon"}, "nbf|malformed"),
        ({"nbf": NOW + 1000}, "not valid yet"),
        ({"access": {"type": "repository"}}, "access is malformed"),
        ({"access": [{"type": "repository"}]}, "access is malformed"),
    ],
)
def test_each_claim_is_checked(claims, reason):
    with pytest.raises(Unauthorized, match=reason):
        verifier().verify(signed(**claims))


def test_an_audience_among_several_is_ours():
    assert verifier().verify(signed(aud=["other", "registry"])).subject == "ann"


def test_entries_outside_the_grammar_give_no_rights():
    entries = [
        {"type": "repository", "name": "A/../b", "actions": ["pull"]},
        {"type": "repository", "name": "a", "actions": ["pull,push"]},
        {"type": "repository", "name": "b", "actions": ["pull push"]},
    ]
    assert verifier().verify(signed(access=entries)).granted == ()


@pytest.mark.parametrize(
    "token", ["", "a", "a.b.c", "..", "é.é.é", "e30.e30.", "x" * 100_000, "W10.e30.AA"]
)
def test_what_is_no_token_is_refused(token):
    with pytest.raises(Unauthorized):
        verifier().verify(token)


def test_a_message_says_nothing_of_the_token():
    token = signed(iss="s3cret-issuer")
    with pytest.raises(Unauthorized) as caught:
        verifier().verify(token)
    assert "s3cret" not in str(caught.value)


def test_a_token_that_was_good_expires_all_the_same():
    now = [NOW]
    keys = TrustedKeys.of(KEY.public)
    check = TokenVerifier(lambda: keys, "issuer", "registry", clock=lambda: now[0])
    token = signed()
    assert check.verify(token) is check.verify(token)
    now[0] = NOW + 100
    with pytest.raises(Unauthorized, match="expired"):
        check.verify(token)


def test_what_is_remembered_is_bounded():
    check = verifier()
    for number in range(1030):
        check.verify(signed(jti=str(number)))
    assert len(check._verified) == 1024


def test_keys_are_asked_for_at_each_check():
    keys = [TrustedKeys.of(KEY.public)]
    check = TokenVerifier(lambda: keys[0], "issuer", "registry", clock=lambda: NOW)
    token = signed()
    check.verify(token)
    keys[0] = TrustedKeys.of(generate_signing_key().public)
    with pytest.raises(Unauthorized, match="trusted key"):
        check.verify(token)
