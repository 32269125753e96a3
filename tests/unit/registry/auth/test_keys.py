from __future__ import annotations

import base64
import hashlib

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from baleen.errors import InvalidArgument
from baleen.registry.auth.keys import (
    SigningKey,
    algorithms_of,
    docker_key_id,
    generate_signing_key,
    load_signing_key,
    parse_trusted,
)

RSA = rsa.generate_private_key(65537, 2048)


def pem_of(key, password=None):
    form = serialization.NoEncryption()
    if password:
        form = serialization.BestAvailableEncryption(password)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, form)


def public_pem(key):
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def test_a_key_id_is_libtrusts():
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    name = docker_key_id(key)
    assert [len(group) for group in name.split(":")] == [4] * 12
    assert base64.b32decode(name.replace(":", "")) == hashlib.sha256(der).digest()[:30]


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (RSA, "RS256"),
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (ec.generate_private_key(ec.SECP384R1()), "ES384"),
        (ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
    ],
)
def test_a_signing_key_comes_from_a_file_and_is_trusted_as_pem_and_jwks(tmp_path, key, algorithm):
    path = tmp_path / "key.pem"
    path.write_bytes(pem_of(key))
    signing = load_signing_key(path)
    assert signing.algorithm == algorithm
    for bundle in (public_pem(key), signing.jwks()):
        trusted = parse_trusted(bundle)
        assert set(trusted.by_id) == {signing.key_id}
        assert trusted.roots == ()


def test_a_jwks_shows_no_private_half():
    entry = msgspec.json.decode(SigningKey(RSA).jwks())["keys"][0]
    assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & set(entry)


def test_a_key_of_a_jwks_is_found_by_its_own_name_too():
    signing = generate_signing_key()
    document = msgspec.json.decode(signing.jwks())
    document["keys"][0]["kid"] = "2026-11"
    assert set(parse_trusted(msgspec.json.encode(document)).by_id) == {"2026-11", signing.key_id}


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 1024).public_key(),
        ec.generate_private_key(ec.SECP256K1()).public_key(),
        dsa.generate_private_key(1024).public_key(),
    ],
)
def test_weak_and_unknown_keys_are_refused(key):
    with pytest.raises(InvalidArgument):
        algorithms_of(key)


@pytest.mark.parametrize(
    "bundle",
    [
        b"",
        b"hello",
        b"{}",
        b'{"keys": []}',
        b'{"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "x"}]}',
        b'{"keys": [{"kty": "nonsense"}]}',
        b'{"keys": 1}',
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        pem_of(RSA),
    ],
)
def test_a_bundle_without_usable_public_keys_is_refused(bundle):
    with pytest.raises(InvalidArgument):
        parse_trusted(bundle)


@pytest.mark.parametrize("content", [b"", public_pem(RSA), pem_of(RSA, b"password")])
def test_a_signing_key_must_be_usable_as_it_is(tmp_path, content):
    path = tmp_path / "key.pem"
    path.write_bytes(content)
    with pytest.raises(InvalidArgument):
        load_signing_key(path)
