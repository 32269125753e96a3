"""G04: a token names the key by which it wants to be checked (distribution CVE-2025-24976).

Attack: tokens signed by the attacker's key, with that key in `jwk`, a chain to another root in
`x5c`, a URL in `jku` or `x5u`; `alg: none`; a public key used as an HMAC secret. Must: 401, and
nobody is connected to.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
import socket
import time

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from token_world import SERVICE, world

from baleen.errors import Unauthorized
from baleen.registry.auth.keys import TrustedKeys, generate_signing_key, parse_trusted
from baleen.registry.auth.tokens import TokenVerifier

EVIL = generate_signing_key()
NAME = "a"


def claims():
    now = int(time.time())
    return {
        "iss": SERVICE,
        "aud": SERVICE,
        "sub": "ann",
        "exp": now + 300,
        "nbf": now,
        "access": [{"type": "repository", "name": NAME, "actions": ["pull", "push", "delete"]}],
    }


def encoded(content):
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def forged(key=EVIL, **header):
    return jwt.encode(claims(), key.key, algorithm=key.algorithm, headers=header)


def certificate(subject, issuer, issuer_key, key, *, ca, days=1, length=None):
    now = dt.datetime.now(dt.UTC)

    def name(text):
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    return (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=10))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=length), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )


def chain_of(*certificates):
    der = serialization.Encoding.DER
    return [base64.b64encode(one.public_bytes(der)).decode() for one in certificates]


async def test_no_key_that_comes_with_a_token_is_trusted(tmp_path, monkeypatch):
    jwk = json.loads(EVIL.jwks())["keys"][0]
    async with world(tmp_path) as registry:
        ours = registry.key.key_id
        root = certificate("evil", "evil", EVIL.key, EVIL.key, ca=True)
        url = "http://127.0.0.1:1/keys.json"
        pem = registry.key.public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        head = f"{encoded({'alg': 'HS256', 'typ': 'JWT', 'kid': ours})}.{encoded(claims())}"
        confused = hmac.digest(pem, head.encode(), hashlib.sha256)
        tokens = {
            "jwk": forged(jwk=jwk),
            "jwk and our kid": forged(jwk=jwk, kid=ours),
            "jku": forged(jku=url),
            "jku and our kid": forged(jku=url, kid=ours),
            "x5u": forged(x5u=url, kid=EVIL.key_id),
            "x5c": forged(x5c=chain_of(root)),
            "x5c and our kid": forged(x5c=chain_of(root), kid=ours),
            "kid of a file": forged(kid="../../dev/null"),
            "our kid": forged(kid=ours),
            "no kid": forged(),
            "none": f"{encoded({'alg': 'none', 'kid': ours})}.{encoded(claims())}.",
            "None": f"{encoded({'alg': 'NoNe', 'kid': ours})}.{encoded(claims())}.",
            "HMAC by our public key": f"{head}.{encoded(confused)}",
            "another algorithm": forged(kid=ours).replace("ES256", "RS256"),
            "critical extension": forged(kid=ours, crit=["b64"], b64=False),
        }

        def connected(*_):
            pytest.fail("somebody was connected to")

        monkeypatch.setattr(socket.socket, "connect", connected)
        for what, token in tokens.items():
            answer = await registry.request("GET", f"/v2/{NAME}/tags/list", token)
            assert answer.status == 401, what
            assert 'error="invalid_token"' in answer.headers["www-authenticate"], what
        good = jwt.encode(
            claims(), registry.key.key, algorithm="ES256", headers={"kid": ours, "jwk": jwk}
        )
        answer = await registry.request("GET", f"/v2/{NAME}/tags/list", good)
        assert answer.status == 404, "our own signature counts, whatever else is in the header"


def verify(token, roots):
    pem = b"".join(root.public_bytes(serialization.Encoding.PEM) for root in roots)
    trusted = parse_trusted(pem)
    return TokenVerifier(lambda: trusted, SERVICE, SERVICE).verify(token)


def is_verified(token, roots):
    try:
        verify(token, roots)
    except Unauthorized:
        return False
    return True


def test_a_chain_counts_if_it_ends_at_the_configured_root():
    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("root", "middle", "leaf")}
    root = certificate("root", "root", keys["root"], keys["root"], ca=True)
    middle = certificate("middle", "root", keys["root"], keys["middle"], ca=True)
    leaf = certificate("leaf", "middle", keys["middle"], keys["leaf"], ca=False)
    signer = type(EVIL)(keys["leaf"])
    for chain in ((leaf, middle), (leaf, middle, root)):
        token = forged(signer, x5c=chain_of(*chain))
        assert verify(token, [root]).subject == "ann"
    other = certificate("root", "root", EVIL.key, EVIL.key, ca=True)
    no_ca = certificate("leaf2", "leaf", keys["leaf"], EVIL.key, ca=False)
    short = certificate("root", "root", keys["root"], keys["root"], ca=True, length=0)
    expired = certificate("leaf", "middle", keys["middle"], keys["leaf"], ca=False, days=-1)
    bad = {
        "another root of that name": (signer, (leaf, middle), other),
        "a gap": (signer, (leaf,), root),
        "a leaf that signs": (EVIL, (no_ca, leaf, middle), root),
        "a path that is too long": (signer, (leaf, middle), short),
        "an expired certificate": (signer, (expired, middle), root),
        "a chain of another's key": (EVIL, (leaf, middle), root),
        "their own root at the end": (signer, (leaf, middle, other), root),
        "a long chain": (signer, (leaf, middle, *[root] * 5), root),
    }
    for what, (key, chain, trusted) in bad.items():
        assert not is_verified(forged(key, x5c=chain_of(*chain)), [trusted]), what
    for nonsense in (["!"], ["AAAA"], [""]):
        with pytest.raises(Unauthorized):
            verify(forged(x5c=nonsense), [root])


def test_keys_without_certificates_are_no_roots():
    trusted = TrustedKeys.of(EVIL.public)
    root = certificate("evil", "evil", EVIL.key, EVIL.key, ca=True)
    with pytest.raises(Unauthorized):
        TokenVerifier(lambda: trusted, SERVICE, SERVICE).verify(forged(x5c=chain_of(root)))
