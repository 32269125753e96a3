"""Keys of tokens: one that signs, and the trusted ones by which signatures are checked.

Trusted keys come from the administrator's files alone: PEM (certificates and public keys) and JWKS
(RFC 7517). A key's id is Docker's: of the SHA-256 of its DER form the first 30 bytes in base 32, in
groups of four. Docker's registry computes the same from its `rootcertbundle`, so it needs no other
agreement with us than the file. A JWKS may name its keys otherwise, and then both names find it.

See: libtrust, "Key ID"; RFC 7517; RFC 7518 §3.1.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING, TypeAlias

import jwt
import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = [
    "PrivateKey",
    "PublicKey",
    "SigningKey",
    "TrustedKeys",
    "algorithms_of",
    "docker_key_id",
    "generate_signing_key",
    "load_signing_key",
    "parse_trusted",
]

PublicKey: TypeAlias = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
PrivateKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

_PEM_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----[^-]{1,65536}-----END \1-----")
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_LEAST_RSA_BITS = 2048


def algorithms_of(key: PublicKey) -> tuple[str, ...]:
    """Return the algorithms that a key may be used with, the best known one first.

    The key decides, never the token: a public key is thus never taken for an HMAC secret.

    Raises:
        InvalidArgument: the key is too weak or of an unknown kind.
    """
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < _LEAST_RSA_BITS:
            raise InvalidArgument(f"RSA keys below {_LEAST_RSA_BITS} bits are refused")
        return ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
    if isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.name not in _CURVES:
            raise InvalidArgument(f"keys of the curve {key.curve.name} are not used for tokens")
        return (_CURVES[key.curve.name],)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return ("EdDSA",)
    raise InvalidArgument("only RSA, EC and Ed25519 keys are used for tokens")


def docker_key_id(key: PublicKey) -> str:
    """Return the id that libtrust gives a key: twelve groups of four."""
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    text = base64.b32encode(hashlib.sha256(der).digest()[:30]).decode()
    return ":".join(text[at : at + 4] for at in range(0, len(text), 4))


class SigningKey:
    """A private key, its id and algorithm."""

    def __init__(self, key: PrivateKey) -> None:
        self.key = key
        self.public: PublicKey = key.public_key()
        self.algorithm = algorithms_of(self.public)[0]
        self.key_id = docker_key_id(self.public)

    def jwks(self) -> bytes:
        """Return the public half as a JWKS, for registries that take keys so."""
        algorithm = jwt.get_algorithm_by_name(self.algorithm)
        form = algorithm.to_jwk(self.public, as_dict=True)
        form |= {"kid": self.key_id, "use": "sig", "alg": self.algorithm}
        return msgspec.json.encode({"keys": [form]})


def load_signing_key(path: Path) -> SigningKey:
    """Read an unencrypted private key in PEM.

    Raises:
        InvalidArgument: it is none, or not one for tokens.
        OSError: it cannot be read.
    """
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as err:
        raise InvalidArgument(f"{path} holds no usable private key in PEM") from err
    if not isinstance(
        key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
    ):
        raise InvalidArgument(f"{path}: only RSA, EC and Ed25519 keys are used for tokens")
    return SigningKey(key)


def generate_signing_key() -> SigningKey:
    """Make a new P-256 key, which every registry takes."""
    return SigningKey(ec.generate_private_key(ec.SECP256R1()))


class TrustedKeys:
    """Keys that may have signed a token, and roots of certificate chains.

    Attributes:
        by_id: keys by their ids.
        roots: certificates that a chain in a token's `x5c` header may end at.
    """

    def __init__(self, by_id: dict[str, PublicKey], roots: Iterable[x509.Certificate] = ()) -> None:
        self.by_id = by_id
        self.roots = tuple(roots)

    @classmethod
    def of(cls, *keys: PublicKey) -> TrustedKeys:
        """Trust these keys and no chains."""
        return cls({docker_key_id(key): key for key in keys})

    def joined(self, other: TrustedKeys) -> TrustedKeys:
        """Trust what either does."""
        return TrustedKeys(self.by_id | other.by_id, (*self.roots, *other.roots))


def parse_trusted(content: bytes) -> TrustedKeys:
    """Parse a bundle: PEM with certificates and public keys, or a JWKS.

    Raises:
        InvalidArgument: nothing usable is in it, or something that cannot be used.
    """
    if content.lstrip().startswith(b"{"):
        return _parse_jwks(content)
    keys: dict[str, PublicKey] = {}
    roots = []
    for block in _PEM_BLOCK.finditer(content):
        try:
            if block[1] == b"CERTIFICATE":
                roots.append(x509.load_pem_x509_certificate(block[0]))
                key: object = roots[-1].public_key()
            else:
                # A private key here is a mistake that should not go unseen; it does not load.
                key = serialization.load_pem_public_key(block[0])
        except (ValueError, UnsupportedAlgorithm) as err:
            name = block[1].decode()
            raise InvalidArgument(f"trusted keys: a block {name!r} cannot be used") from err
        _add(keys, key)
    if not keys:
        raise InvalidArgument("trusted keys: neither PEM nor JWKS with a key in it")
    return TrustedKeys(keys, roots)


def _parse_jwks(content: bytes) -> TrustedKeys:
    keys: dict[str, PublicKey] = {}
    try:
        entries = msgspec.json.decode(content, type=dict[str, list[dict[str, object]]])["keys"]
    except (msgspec.MsgspecError, KeyError, RecursionError) as err:
        raise InvalidArgument("trusted keys: not a JWKS") from err
    for entry in entries:
        try:
            key = jwt.PyJWK(entry).key
        except (jwt.PyJWTError, ValueError) as err:
            raise InvalidArgument("trusted keys: a key of the JWKS cannot be used") from err
        name = entry.get("kid")
        _add(keys, key, name if isinstance(name, str) else None)
    if not keys:
        raise InvalidArgument("trusted keys: the JWKS has no keys")
    return TrustedKeys(keys)


def _add(keys: dict[str, PublicKey], key: object, name: str | None = None) -> None:
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
        raise InvalidArgument("trusted keys: only public RSA, EC and Ed25519 keys are used")
    algorithms_of(key)
    keys[docker_key_id(key)] = key
    if name:
        keys[name] = key
