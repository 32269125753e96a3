"""Bearer tokens: JWTs that say what their bearer may do with one registry, for a few minutes.

Signing and checking are one module because they are one format. Nothing here waits or connects.

The key that checks a signature is found by the token's `kid` among the trusted ones, or by its
`x5c` chain if that ends at a trusted root. `jwk` and `jku` headers are never looked at: who could
put a key into the token would sign with it (CVE-2025-24976).

See: Docker's registry documentation, "Token Authentication Implementation"; RFC 7519; RFC 8725.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import jwt
import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from baleen.errors import InvalidArgument, Unauthorized
from baleen.registry.auth.keys import algorithms_of
from baleen.registry.auth.scopes import Scope, merge, parse_scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from baleen.registry.auth.keys import PublicKey, SigningKey, TrustedKeys

__all__ = ["Claims", "TokenSigner", "TokenVerifier"]

# Docker's clients take shorter ones for 60 seconds all the same.
LEAST_LIFE_S = 60
# A token from a clock ahead of ours is taken this early. None lives longer than it says: its life
# is what we document as the time within which a withdrawn right is gone.
_EARLY_S = 60
_LONGEST = 64 * 1024
_LONGEST_CHAIN = 5
_MOST_VERIFIED = 1024


class _Entry(msgspec.Struct, frozen=True):
    type: str
    name: str
    actions: list[str]


class _Header(msgspec.Struct, frozen=True):
    alg: str
    kid: str | None = None
    x5c: list[str] | None = None
    crit: object = None
    b64: object = None


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says.

    Attributes:
        subject: the account's name, empty for nobody.
        granted: what its bearer may do.
        expires_at: seconds since the epoch.
        token_id: for logs.
    """

    subject: str
    granted: tuple[Scope, ...]
    expires_at: float
    token_id: str


class TokenSigner:
    """Signs tokens for registries.

    Args:
        key: signs.
        issuer: goes into `iss`; registries are configured with it.
        life_s: how long a token is good, at least 60.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        key: SigningKey,
        issuer: str,
        *,
        life_s: int = 300,
        clock: Callable[[], float] = time.time,
    ) -> None:
        assert life_s >= LEAST_LIFE_S
        self.life_s = life_s
        self._key = key
        self._issuer = issuer
        self._clock = clock

    def now(self) -> float:
        """Return the time by which tokens are dated."""
        return self._clock()

    def sign(self, subject: str, service: str, granted: Iterable[Scope]) -> str:
        """Return a token for `service` that holds exactly `granted`."""
        now = int(self._clock())
        claims = {
            "iss": self._issuer,
            "sub": subject,
            "aud": service,
            "exp": now + self.life_s,
            "nbf": now - 10,  # clocks differ; Docker's own issuer does the same
            "iat": now,
            "jti": secrets.token_urlsafe(16),
            "access": [
                {"type": scope.resource, "name": scope.name, "actions": sorted(scope.actions)}
                for scope in granted
            ],
        }
        return jwt.encode(
            claims,
            self._key.key,
            algorithm=self._key.algorithm,
            headers={"kid": self._key.key_id},
        )


class TokenVerifier:
    """Checks tokens for one registry.

    Args:
        trusted: asked at each check, so keys can change while we run; another object each time that
            they do, and only then.
        issuer: the only `iss` that is accepted.
        service: must be in `aud`.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        trusted: Callable[[], TrustedKeys],
        issuer: str,
        service: str,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._trusted = trusted
        self._issuer = issuer
        self._service = service
        self._clock = clock
        # A client sends its token with every request; a signature once checked stays right for as
        # long as the same keys are trusted. Times are compared each time.
        self._verified: OrderedDict[str, tuple[TrustedKeys, Claims]] = OrderedDict()

    def verify(self, token: str) -> Claims:
        """Return what a token says, when every check has passed.

        Raises:
            Unauthorized: for any reason; the message says which, and holds nothing of the token.
        """
        if len(token) > _LONGEST:
            raise Unauthorized("invalid token: it is too long")
        trusted = self._trusted()
        known = self._verified.get(token)
        if known is not None and known[0] is trusted and self._clock() < known[1].expires_at:
            return known[1]
        claims = self._verify(token, trusted)
        self._verified[token] = (trusted, claims)
        if len(self._verified) > _MOST_VERIFIED:
            self._verified.popitem(last=False)
        return claims

    def _verify(self, token: str, trusted: TrustedKeys) -> Claims:
        header = _header_of(token)
        key = self._key_of(header, trusted)
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=list(algorithms_of(key)),
                audience=self._service,
                issuer=self._issuer,
                # Times are compared below, by the clock that is ours.
                options={
                    "require": ["exp", "iss", "aud"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except (jwt.PyJWTError, ValueError, RecursionError) as err:
            raise Unauthorized(f"invalid token: {_reason(err)}") from err
        return self._claims(claims)

    def _claims(self, claims: dict[str, object]) -> Claims:
        now = self._clock()
        expires_at = _time(claims, "exp")
        not_before = _time(claims, "nbf") if claims.get("nbf") is not None else 0.0
        if now >= expires_at:
            raise Unauthorized("invalid token: it has expired")
        if now < not_before - _EARLY_S:
            raise Unauthorized("invalid token: it is not valid yet")
        subject, token_id = claims.get("sub", ""), claims.get("jti", "")
        if not isinstance(subject, str) or not isinstance(token_id, str):
            raise Unauthorized("invalid token: sub and jti are no texts")
        return Claims(subject, _granted(claims.get("access")), expires_at, token_id)

    def _key_of(self, header: _Header, trusted: TrustedKeys) -> PublicKey:
        if header.x5c:
            return _end_of_chain(header.x5c, trusted.roots, self._clock())
        key = trusted.by_id.get(header.kid) if header.kid is not None else None
        if key is None:
            raise Unauthorized("invalid token: it is not signed by a trusted key")
        return key


def _header_of(token: str) -> _Header:
    text = token.partition(".")[0]
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        header = msgspec.json.decode(raw, type=_Header)
    except (ValueError, binascii.Error, RecursionError) as err:
        raise Unauthorized("invalid token: its header cannot be read") from err
    if header.crit is not None or header.b64 is not None:
        raise Unauthorized("invalid token: it demands an extension")
    return header


def _granted(access: object) -> tuple[Scope, ...]:
    """Return the scopes of an `access` claim; entries outside the grammar give no rights."""
    if access is None:
        return ()
    try:
        entries = msgspec.convert(access, list[_Entry])
    except msgspec.ValidationError as err:
        raise Unauthorized("invalid token: access is malformed") from err
    found = []
    for entry in entries:
        if any("," in action for action in entry.actions):
            continue
        try:
            scope = parse_scope(f"{entry.type}:{entry.name}:{','.join(entry.actions)}")
        except InvalidArgument:
            continue
        found.append(scope)
    return tuple(merge(found))


def _time(claims: dict[str, object], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:
        raise Unauthorized(f"invalid token: {name} is no time")
    return float(value)


def _end_of_chain(texts: list[str], roots: tuple[x509.Certificate, ...], now: float) -> PublicKey:
    """Return the key of a chain's first certificate, if the chain leads to one of `roots`.

    Each certificate must be signed by the next, and the last be a root or signed by one; all must
    be valid now, and the signing ones be CAs. No names or key usages for TLS are asked of them.
    """
    if len(texts) > _LONGEST_CHAIN:
        raise Unauthorized("invalid token: its certificate chain is too long")
    try:
        chain = [
            x509.load_der_x509_certificate(base64.b64decode(text, validate=True)) for text in texts
        ]
        if chain[-1] not in roots:
            below = len(chain) - 1
            above = [root for root in roots if _is_issued(chain[-1], root, below)]
            if not above:
                raise Unauthorized("invalid token: its certificate chain is not trusted")
            chain.append(above[0])
        is_sound = all(
            _is_issued(chain[at], chain[at + 1], below=at) for at in range(len(chain) - 1)
        )
        is_current = all(_is_valid(certificate, now) for certificate in chain)
        key = chain[0].public_key()
    except (ValueError, x509.InvalidVersion, UnsupportedAlgorithm) as err:
        raise Unauthorized("invalid token: its certificate chain cannot be read") from err
    if not (is_sound and is_current):
        raise Unauthorized("invalid token: its certificate chain is not trusted")
    return key  # type: ignore[return-value]  # algorithms_of refuses other kinds


def _is_issued(certificate: x509.Certificate, issuer: x509.Certificate, below: int) -> bool:
    """Say whether a CA signed a certificate, with `below` CAs under it in the chain."""
    extensions = issuer.extensions
    try:
        constraints = extensions.get_extension_for_class(x509.BasicConstraints).value
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    try:
        may_sign = extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        may_sign = True
    length = constraints.path_length
    return constraints.ca and may_sign and (length is None or below <= length)


def _is_valid(certificate: x509.Certificate, now: float) -> bool:
    begin = certificate.not_valid_before_utc.timestamp()
    return begin <= now <= certificate.not_valid_after_utc.timestamp()


def _reason(err: Exception) -> str:
    """Say in words of ours what was wrong; a library's message may quote the token."""
    reasons: tuple[tuple[type[Exception], str], ...] = (
        (jwt.InvalidSignatureError, "its signature is wrong"),
        (jwt.InvalidAudienceError, "it is for another service"),
        (jwt.InvalidIssuerError, "it comes from another issuer"),
        (jwt.InvalidAlgorithmError, "its algorithm is not allowed"),
        (jwt.MissingRequiredClaimError, "a claim is missing"),
    )
    return next((text for kind, text in reasons if isinstance(err, kind)), "it is malformed")
