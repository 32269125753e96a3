"""The issuer: gives tokens to who proved its name, and to nobody in particular.

    GET  /token?service=…&scope=…[&offline_token=true]     Authorization: Basic …, or none
    POST /token         grant_type=password|refresh_token&service=…&client_id=…
                        [&scope=…][&access_type=offline]
    POST /token/revoke  token=…                            (RFC 7009: a logout that is meant)

A token holds what was asked for *and* is allowed, which may be nothing: the registry is who says
no. A refresh token is good while its account exists with the password it had. What was withdrawn
from an account is gone from new tokens at once, and from those already out when they expire.

No I/O of the network here: requests come in as values, answers go out as values.

See: Docker's registry documentation, "Token Authentication", "OAuth2"; RFC 6749 §4.3, §5, §6.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import msgspec

from baleen.errors import InvalidArgument, Unauthorized
from baleen.registry.auth.accounts import grant
from baleen.registry.auth.credentials import Basic, parse_credentials
from baleen.registry.auth.guesses import TooManyRequests
from baleen.registry.auth.scopes import format_scopes, parse_scopes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from baleen.registry.auth.accounts import Account, Accounts, Rights
    from baleen.registry.auth.refresh_tokens import RefreshTokens
    from baleen.registry.auth.tokens import TokenSigner

__all__ = ["Answer", "Issuer"]

_MOST_FIELDS = 128


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: status, headers, JSON body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _OAuthError(Exception):
    """An error of RFC 6749 §5.2."""

    def __init__(self, code: str, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.status = status


class Issuer:
    """A token server.

    Args:
        accounts: who is who.
        rights: who may what.
        signer: makes tokens.
        refresh_tokens: those that are out; None gives none out.
        services: the audiences that tokens may be made for.
    """

    def __init__(
        self,
        accounts: Accounts,
        rights: Rights,
        signer: TokenSigner,
        refresh_tokens: RefreshTokens | None,
        services: frozenset[str],
    ) -> None:
        self._accounts = accounts
        self._rights = rights
        self._signer = signer
        self._refresh_tokens = refresh_tokens
        self._services = services

    async def get(self, query: str, authorization: str | None, address: str) -> Answer:
        """Answer `GET /token`."""
        try:
            return await self._get(_fields(query), authorization, address)
        except (InvalidArgument, TooManyRequests, Unauthorized) as err:
            return _docker_error(err)

    async def post(self, form: str, address: str) -> Answer:
        """Answer `POST /token`."""
        try:
            return await self._post(dict(_fields(form)), address)
        except _OAuthError as err:
            return _oauth_error(err)
        except InvalidArgument as err:
            return _oauth_error(_OAuthError("invalid_request", err.message))
        except TooManyRequests as err:
            return _docker_error(err)

    async def revoke(self, form: str) -> Answer:
        """Answer `POST /token/revoke`: 200 whether or not the token was one."""
        try:
            token = dict(_fields(form)).get("token", "")
        except InvalidArgument as err:
            return _oauth_error(_OAuthError("invalid_request", err.message))
        if self._refresh_tokens is not None and token:
            self._refresh_tokens.revoke(token)
        return _json(200, {})

    async def _get(
        self, fields: list[tuple[str, str]], authorization: str | None, address: str
    ) -> Answer:
        service = dict(fields).get("service", "")
        if service not in self._services:
            raise InvalidArgument("the service is unknown to this token server")
        account = await self._authenticate(authorization, address)
        wants_refresh = dict(fields).get("offline_token") == "true"
        answer = await self._granted(
            account, service, [value for name, value in fields if name == "scope"]
        )
        answer["token"] = answer["access_token"]
        del answer["scope"]
        if wants_refresh and account is not None and self._refresh_tokens is not None:
            client = dict(fields).get("client_id", "")
            answer["refresh_token"] = self._refresh_tokens.issue(account, service, client)
        return _json(200, answer)

    async def _post(self, fields: dict[str, str], address: str) -> Answer:
        service = fields.get("service", "")
        if service not in self._services:
            raise _OAuthError("invalid_request", "the service is unknown to this token server")
        kind = fields.get("grant_type", "")
        refresh: str | None = None
        if kind == "password":
            account = await self._accounts.authenticate(
                fields.get("username", ""), fields.get("password", ""), address
            )
            wants = fields.get("access_type") == "offline"
            if account is not None and wants and self._refresh_tokens is not None:
                refresh = self._refresh_tokens.issue(account, service, fields.get("client_id", ""))
        elif kind == "refresh_token":
            refresh = fields.get("refresh_token", "")
            account = await self._holder(refresh, service)
        else:
            raise _OAuthError("unsupported_grant_type", "password and refresh_token are supported")
        if account is None:
            # 401 and not 400: Docker's clients ask for a password then.
            raise _OAuthError("invalid_grant", "the credentials are wrong or void", 401)
        answer = await self._granted(account, service, [fields.get("scope", "")])
        if refresh is not None:
            answer["refresh_token"] = refresh
        return _json(200, answer)

    async def _authenticate(self, authorization: str | None, address: str) -> Account | None:
        """Return the account of the header, None without one.

        Raises:
            Unauthorized: wrong credentials; they are never taken for none.
        """
        given = parse_credentials(authorization)
        if given is None:
            return None
        if not isinstance(given, Basic):
            raise Unauthorized("this endpoint takes basic credentials")
        account = await self._accounts.authenticate(given.user, given.password, address)
        if account is None:
            raise Unauthorized("incorrect username or password")
        return account

    async def _holder(self, token: str, service: str) -> Account | None:
        if self._refresh_tokens is None:
            return None
        holder = self._refresh_tokens.holder(token, service)
        if holder is None:
            return None
        name, generation = holder
        account = await self._accounts.find(name)
        if account is None or account.generation != generation:
            self._refresh_tokens.revoke(token)
            return None
        return account

    async def _granted(
        self, account: Account | None, service: str, asked: list[str]
    ) -> dict[str, object]:
        granted = await grant(self._rights, account, parse_scopes(asked))
        issued_at = datetime.fromtimestamp(int(self._signer.now()), UTC)
        return {
            "access_token": self._signer.sign(
                account.name if account is not None else "", service, granted
            ),
            "expires_in": self._signer.life_s,
            "issued_at": issued_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "scope": format_scopes(granted),
        }


def _fields(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as err:
        raise InvalidArgument("the parameters cannot be read") from err


def _json(status: int, content: object, headers: Mapping[str, str] | None = None) -> Answer:
    every = {"Content-Type": "application/json", "Cache-Control": "no-store", **(headers or {})}
    return Answer(status, every, msgspec.json.encode(content))


def _oauth_error(err: _OAuthError) -> Answer:
    return _json(err.status, {"error": err.code, "error_description": err.text})


def _docker_error(err: InvalidArgument | TooManyRequests | Unauthorized) -> Answer:
    """Errors in the form of the registry's, which is what clients of GET read."""
    status, code, headers = 400, "UNSUPPORTED", {}
    if isinstance(err, TooManyRequests):
        status, code = 429, "TOOMANYREQUESTS"
        headers = {"Retry-After": str(err.retry_after_s)}
    elif isinstance(err, Unauthorized):
        status, code = 401, "UNAUTHORIZED"
        headers = {"WWW-Authenticate": 'Basic realm="token"'}
    body = {"errors": [{"code": code, "message": err.message, "detail": None}]}
    return _json(status, body, headers)
