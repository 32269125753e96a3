"""The sections `auth.token` and `auth.issuer`: gates that tokens open, and our issuer."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from cryptography.hazmat.primitives import serialization

from baleen.errors import InvalidArgument
from baleen.registry.auth.admission import Admission, required, rights_of
from baleen.registry.auth.gates import TokenGate
from baleen.registry.auth.htpasswd import HtpasswdAccounts
from baleen.registry.auth.issuer import Issuer
from baleen.registry.auth.keys import (
    SigningKey,
    TrustedKeys,
    generate_signing_key,
    load_signing_key,
    parse_trusted,
)
from baleen.registry.auth.refresh_tokens import RefreshTokens
from baleen.registry.auth.tokens import LEAST_LIFE_S, TokenSigner, TokenVerifier
from baleen.registry.auth.watched_file import WatchedFile
from baleen.registry.configuration import seconds

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["IssuerSection", "TokenSection", "make_issuer", "token_gate"]

_KEYS_LIMIT = 1 << 20


class TokenSection(msgspec.Struct, frozen=True, kw_only=True):
    """Section `auth.token`, as distribution has it."""

    realm: str = ""
    service: str = ""
    issuer: str = ""
    rootcertbundle: str = ""
    jwks: str = ""


class IssuerSection(msgspec.Struct, frozen=True, kw_only=True):
    """Section `auth.issuer`: a token server of our own.

    Attributes:
        realm: URL at which clients reach its `/token`.
        service: name of the registry, and of others in `services`, that tokens are for.
        issuer: goes into tokens; the service's name unless given.
        htpasswd: file of accounts.
        policy: file of rights; without it each account may do everything, and nobody else anything.
        key: private key in PEM; made at the first start, below the storage's root, unless given.
        life: of a token, at least 60 s: the time within which a withdrawn right is gone.
        refreshlife: after which an unused refresh token is void; `0` gives none out.
        database: of refresh tokens; below the storage's root unless given.
    """

    realm: str = ""
    service: str = ""
    services: list[str] = []
    issuer: str = ""
    htpasswd: str = ""
    policy: str = ""
    key: str = ""
    life: str = "5m"
    refreshlife: str = "90d"
    database: str = ""


def make_issuer(section: IssuerSection, root: Path, complain: Callable[[str], None]) -> Admission:
    """Return an issuer, and the gate that trusts it alone.

    Raises:
        InvalidArgument: names the key that is wrong.
        OSError: a file cannot be read or made.
    """
    for name in ("realm", "service"):
        if not getattr(section, name):
            raise InvalidArgument(f"auth.issuer.{name} is missing")
    _check_realm("auth.issuer.realm", section.realm)
    life_s = int(seconds(section.life, "auth.issuer.life"))
    if life_s < LEAST_LIFE_S:
        raise InvalidArgument(f"auth.issuer.life must be at least {LEAST_LIFE_S}s")
    refresh_life_s = int(seconds(section.refreshlife, "auth.issuer.refreshlife"))
    key = _signing_key(section, root)
    accounts = HtpasswdAccounts(
        required("auth.issuer.htpasswd", section.htpasswd), complain=complain
    )
    rights = rights_of(section.policy, complain)
    refresh_tokens = None
    if refresh_life_s:
        database = Path(section.database) if section.database else root / "tokens.sqlite"
        refresh_tokens = RefreshTokens(database, life_s=refresh_life_s)
    name = section.issuer or section.service
    issuer = Issuer(
        accounts,
        rights,
        TokenSigner(key, name, life_s=life_s),
        refresh_tokens,
        frozenset((section.service, *section.services)),
    )
    trusted = TrustedKeys.of(key.public)
    verifier = TokenVerifier(lambda: trusted, name, section.service)

    def close() -> None:
        accounts.close()
        if refresh_tokens is not None:
            refresh_tokens.close()

    gate = TokenGate(verifier, section.realm, section.service, rights)
    return Admission(gate, issuer, key.jwks(), close=close)


def token_gate(section: TokenSection, complain: Callable[[str], None]) -> TokenGate:
    """Return the gate that trusts an issuer elsewhere.

    Raises:
        InvalidArgument: names the key that is wrong.
        OSError: a file of keys cannot be read.
    """
    for name in ("realm", "service", "issuer"):
        if not getattr(section, name):
            raise InvalidArgument(f"auth.token.{name} is missing")
    _check_realm("auth.token.realm", section.realm)
    files = [
        WatchedFile(Path(path), parse_trusted, limit_bytes=_KEYS_LIMIT, complain=complain)
        for path in (section.rootcertbundle, section.jwks)
        if path
    ]
    if not files:
        raise InvalidArgument("auth.token: rootcertbundle or jwks is missing")

    verifier = TokenVerifier(_joined(files), section.issuer, section.service)
    return TokenGate(verifier, section.realm, section.service)


def _joined(files: list[WatchedFile[TrustedKeys]]) -> Callable[[], TrustedKeys]:
    """Return what asks for the keys of all files: the same object until one of them changes."""
    parts: list[TrustedKeys] = []
    whole = TrustedKeys({})

    def trusted() -> TrustedKeys:
        nonlocal parts, whole
        now = [file.current() for file in files]
        if len(now) != len(parts) or any(a is not b for a, b in zip(now, parts, strict=True)):
            parts, whole = now, now[0]
            for part in now[1:]:
                whole = whole.joined(part)
        return whole

    return trusted


def _signing_key(section: IssuerSection, root: Path) -> SigningKey:
    if section.key:
        return load_signing_key(Path(section.key))
    path = root / "token-key.pem"
    if not path.exists():
        pem = generate_signing_key().key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        root.mkdir(parents=True, exist_ok=True)
        _write_once(path, pem)
    return load_signing_key(path)


def _write_once(path: Path, content: bytes) -> None:
    """Make a file that only its owner can read; whole, and never over another."""
    temporary = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        pass  # another process was faster; its key is the key
    finally:
        temporary.unlink()


def _check_realm(key: str, realm: str) -> None:
    if not realm.startswith(("http://", "https://")):
        raise InvalidArgument(f"{key}: {realm!r} is no URL")
