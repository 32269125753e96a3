"""Proving to a registry who asks: basic authentication, and bearer tokens from its token service.

    GET  /v2/...                -> 401, WWW-Authenticate: Bearer realm=R, service=S
    GET  R?service=S&scope=...  with basic authentication, or anonymously  -> {"token": ...}
    POST R grant_type=refresh_token&refresh_token=<identity token>  -> {"access_token": ...}
    GET  /v2/...                Authorization: Bearer <token>

Credentials are shown to the registry they are for and to the realm that it names, and to nobody
else: not to mirrors, not where a redirect leads, and to no realm in plain HTTP unless the registry
itself is spoken to so.

See: distribution's docs/spec/auth/{token,oauth,scope}.md; RFC 6750.
"""

from __future__ import annotations

import threading
import time
from base64 import b64encode
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import msgspec

from baleen.distribution.answers import status_of
from baleen.distribution.challenges import parse_challenges
from baleen.distribution.exchange import Target, error_of
from baleen.distribution.hosts import endpoint_of
from baleen.errors import BaleenError, InvalidArgument, PermissionDenied, Unauthorized, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from baleen.distribution.cancellation import Cancellation
    from baleen.distribution.challenges import Challenge
    from baleen.distribution.connection import Reply
    from baleen.distribution.credentials import Credentials
    from baleen.distribution.exchange import Exchange
    from baleen.distribution.hosts import Endpoint

__all__ = ["Authorizer", "Token", "basic"]

CLIENT_ID = "docker"
_DEFAULT_LIFE_S = 60
_EARLY_S = 10.0
_TURN_S = 0.1


class _TokenReply(msgspec.Struct):
    token: str | None = None
    access_token: str | None = None
    refresh_token: str | None = None
    expires_in: float | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """What a token service gave; `until` is on the monotonic clock."""

    value: str = field(repr=False)
    until: float


@dataclass(slots=True)
class _Known:
    """What is known of one endpoint: how it wants to be asked, and tokens by their scopes."""

    challenge: Challenge | None = None
    tokens: dict[frozenset[str], Token] = field(default_factory=dict)


def basic(credentials: Credentials) -> str:
    """Return the Authorization header of name and password (RFC 7617)."""
    user = f"{credentials.username}:{credentials.password}"
    return "Basic " + b64encode(user.encode()).decode()


class Authorizer:
    """The Authorization headers of one operation; usable from many threads.

    Args:
        exchange: for the token service.
        credentials: for the registry itself; mirrors are asked anonymously.
        identity: ask the token service for an identity token too (`docker login`).
    """

    def __init__(
        self, exchange: Exchange, credentials: Credentials, *, identity: bool = False
    ) -> None:
        self._exchange = exchange
        self._credentials = credentials
        self._identity = identity
        self._known: dict[tuple[str, str, int], _Known] = {}
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self.refresh_token = ""

    def headers(
        self, endpoint: Endpoint, scopes: Iterable[str], cancel: Cancellation
    ) -> dict[str, str]:
        """Return what to send: nothing before the endpoint has asked for it.

        Raises:
            Unauthorized, PermissionDenied, Unavailable: the token service gives no token.
        """
        with self._lock:
            challenge = self._of(endpoint).challenge
        if challenge is None:
            return {}
        if challenge.scheme == "basic":
            return {"Authorization": basic(self._credentials)}
        if self._credentials.registry_token and not endpoint.mirror:
            return {"Authorization": f"Bearer {self._credentials.registry_token}"}
        token = self._token(endpoint, challenge, frozenset(scopes), cancel)
        return {"Authorization": f"Bearer {token.value}"}

    def challenged(self, endpoint: Endpoint, reply: Reply, sent: dict[str, str]) -> bool:
        """Learn from a 401 to a request with the headers `sent`; say whether to ask again.

        Raises:
            Unauthorized: `no basic auth credentials`.
        """
        challenge = self._choose(endpoint, parse_challenges(reply.headers("WWW-Authenticate")))
        if challenge is None:
            return False
        used = sent.get("Authorization", "")
        with self._lock:
            known = self._of(endpoint)
            known.challenge = challenge
            if used.startswith("Bearer "):
                stale = [s for s, t in known.tokens.items() if f"Bearer {t.value}" == used]
                for scopes in stale:
                    del known.tokens[scopes]
                # Another thread may have renewed it meanwhile.
                return challenge.scheme == "bearer" and not (
                    self._credentials.registry_token and not endpoint.mirror
                )
        return not used

    def _choose(self, endpoint: Endpoint, challenges: list[Challenge]) -> Challenge | None:
        for challenge in challenges:
            if challenge.scheme == "bearer" and challenge.get("realm"):
                return challenge
        for challenge in challenges:
            if challenge.scheme == "basic":
                if endpoint.mirror or not self._credentials.has_password:
                    raise Unauthorized("no basic auth credentials", details={"status": "401"})
                return challenge
        return None

    def _of(self, endpoint: Endpoint) -> _Known:
        return self._known.setdefault(endpoint.origin, _Known())

    def _token(
        self,
        endpoint: Endpoint,
        challenge: Challenge,
        scopes: frozenset[str],
        cancel: Cancellation,
    ) -> Token:
        # One thread asks; the others wait for what it gets, and can give up.
        while not self._turn.acquire(timeout=_TURN_S):
            cancel.check()
        try:
            with self._lock:
                token = self._of(endpoint).tokens.get(scopes)
            if token is None or token.until <= time.monotonic():
                token = self._fetch(endpoint, challenge, scopes, cancel)
                with self._lock:
                    self._of(endpoint).tokens[scopes] = token
            return token
        finally:
            self._turn.release()

    def _fetch(
        self,
        endpoint: Endpoint,
        challenge: Challenge,
        scopes: frozenset[str],
        cancel: Cancellation,
    ) -> Token:
        target = _realm(endpoint, challenge.get("realm"))
        credentials = None if endpoint.mirror else self._credentials
        service = challenge.get("service")
        if credentials is not None and credentials.identity_token:
            reply = self._post(target, credentials, service, scopes, cancel)
            if reply.status in {404, 405} and credentials.has_password:
                self._exchange.finish(reply)
                reply = self._get(target, credentials, service, scopes, cancel)
        else:
            reply = self._get(target, credentials, service, scopes, cancel)
        return self._parse(target, reply)

    def _get(
        self,
        target: Target,
        credentials: Credentials | None,
        service: str,
        scopes: frozenset[str],
        cancel: Cancellation,
    ) -> Reply:
        query = [("service", service)] if service else []
        query += [("scope", scope) for scope in sorted(scopes)]
        headers = {}
        if credentials is not None and credentials.has_password:
            query.append(("account", credentials.username))
            headers["Authorization"] = basic(self._credentials)
            if self._identity:
                query += [("client_id", CLIENT_ID), ("offline_token", "true")]
        path = target.path
        if query:
            path += ("&" if "?" in path else "?") + urlencode(query)
        where = Target(target.endpoint, path, foreign=target.foreign)
        return self._exchange.send(where, "GET", headers, cancel)

    def _post(
        self,
        target: Target,
        credentials: Credentials,
        service: str,
        scopes: frozenset[str],
        cancel: Cancellation,
    ) -> Reply:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": credentials.identity_token,
            "service": service,
            "scope": " ".join(sorted(scopes)),
            "client_id": CLIENT_ID,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode(form).encode()
        return self._exchange.send(target, "POST", headers, cancel, body=body)

    def _parse(self, target: Target, reply: Reply) -> Token:
        where = f"token service {target.endpoint.authority}"
        if reply.status != 200 and reply.status < 400:
            self._exchange.finish(reply)
            raise Unavailable(f"{where}: unexpected HTTP status {reply.status}")
        if reply.status != 200:
            err = error_of(self._exchange, reply)
            if status_of(err) in {401, 403}:
                raise err
            raise _at(where, err)
        body = self._exchange.finish(reply)
        try:
            answer = msgspec.json.decode(body, type=_TokenReply)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as err:
            raise Unavailable(f"{where}: the answer is not a token's JSON: {err}") from err
        value = answer.token or answer.access_token
        if not value or not value.isascii() or not value.isprintable():
            raise Unauthorized("authorization server did not include a token in the response")
        if answer.refresh_token:
            self.refresh_token = answer.refresh_token
        life = max(answer.expires_in or 0, _DEFAULT_LIFE_S)
        return Token(value, time.monotonic() + life - _EARLY_S)


def _at(where: str, err: BaleenError) -> BaleenError:
    return type(err)(f"{where}: {err.message}", details=err.details)


def _realm(endpoint: Endpoint, realm: str) -> Target:
    """Return where tokens come from.

    Raises:
        PermissionDenied: a realm in plain HTTP, of a registry that is spoken to in HTTPS.
        InvalidArgument: no URL.
    """
    try:
        parts = urlsplit(realm)
        found = endpoint_of(f"{parts.scheme}://{parts.netloc}", mirror=True)
    except (InvalidArgument, ValueError) as err:
        raise InvalidArgument(
            f"registry {endpoint.authority} names a token service that is no URL"
        ) from err
    if found.scheme == "http" and not endpoint.insecure:
        raise PermissionDenied(
            f"registry {endpoint.authority} wants credentials to be sent in plain HTTP "
            f"to {found.authority}",
            hint="add the registry to insecure-registries if that is meant",
        )
    if endpoint.insecure and found.host == endpoint.host:
        found = replace(found, insecure=True)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(found, path, foreign=not endpoint.insecure)
