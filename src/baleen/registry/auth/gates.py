"""Gates: the registry's `Access`, by passwords or by tokens.

    request ──► BasicGate ──► Accounts, Rights
            └─► TokenGate ──► TokenVerifier

A refusal of somebody unknown is a challenge (401); of somebody known by password it is DENIED
(403). Of a token that lacks something it is a challenge again, which names what is lacking, so that
the client asks the issuer for another.

`GET /v2/` asks for no action and is still challenged: clients learn there how to log in, and an
answer of 200 would have them push without credentials.

See: Docker's registry documentation, "Token Authentication"; distribution, `registry/auth`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.errors import Unauthorized
from baleen.registry.access import Action, Actor
from baleen.registry.auth.accounts import Account, grant
from baleen.registry.auth.credentials import (
    Basic,
    Bearer,
    basic_challenge,
    bearer_challenge,
    parse_credentials,
)
from baleen.registry.auth.guesses import TooManyRequests
from baleen.registry.auth.scopes import CATALOG, PULL, Scope, covers, repository_scope
from baleen.registry.errors import ApiError, Code

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from baleen.registry.auth.accounts import Accounts, Rights
    from baleen.registry.auth.tokens import Claims, TokenVerifier
    from baleen.registry.messages import Request

__all__ = ["BasicGate", "TokenGate", "too_many", "wanted_scopes"]

# What a gate found out about a request, for the second question about the same one.
_STATE = "baleen.registry.auth"


def wanted_scopes(repository: str | None, actions: AbstractSet[Action]) -> list[Scope]:
    """Return what a token must hold for these actions."""
    wanted = [CATALOG] if Action.CATALOG in actions else []
    names = [action.value for action in actions if action is not Action.CATALOG]
    if repository is not None and names:
        wanted.append(repository_scope(repository, *names))
    return wanted


def note_user(request: Request, name: str) -> None:
    """Note who makes a request, for the access log."""
    request.scope.setdefault("state", {})["user"] = name


def too_many(err: TooManyRequests) -> ApiError:
    """Return the answer to somebody who has to wait."""
    return ApiError(
        Code.TOOMANYREQUESTS, err.message, headers={"retry-after": str(err.retry_after_s)}
    )


class BasicGate:
    """A password with each request.

    Args:
        accounts: who is who.
        rights: who may what, anonymous people included.
        realm: shown to people.
    """

    def __init__(self, accounts: Accounts, rights: Rights, realm: str) -> None:
        self._accounts = accounts
        self._rights = rights
        self._challenge = {"www-authenticate": basic_challenge(realm)}

    async def authorize(
        self, repository: str | None, actions: AbstractSet[Action], request: Request
    ) -> Actor:
        """See `Access.authorize`."""
        account = await self._authenticate(request)
        wanted = wanted_scopes(repository, actions)
        if (account is None and not wanted) or not await self._may(account, wanted):
            if account is None:
                raise ApiError(Code.UNAUTHORIZED, headers=self._challenge)
            raise ApiError(Code.DENIED)
        request.scope[_STATE] = account
        return Actor(account.name if account is not None else "")

    async def allows(self, actor: Actor, action: Action, repository: str, request: Request) -> bool:
        """See `Access.allows`."""
        del actor
        account: Account | None = request.scope.get(_STATE)
        return await self._may(account, wanted_scopes(repository, {action}))

    async def visible(self, actor: Actor, names: list[str], request: Request) -> list[str]:
        """See `Access.visible`: what may be pulled."""
        del actor
        return await _pullable(self._rights, request.scope.get(_STATE), names)

    async def _authenticate(self, request: Request) -> Account | None:
        try:
            given = parse_credentials(request.headers.get("authorization"))
            if given is None:
                return None
            if not isinstance(given, Basic):
                raise Unauthorized("this registry takes basic credentials")
            account = await self._accounts.authenticate(given.user, given.password, request.client)
        except TooManyRequests as err:
            raise too_many(err) from err
        except Unauthorized as err:
            raise ApiError(Code.UNAUTHORIZED, err.message, headers=self._challenge) from err
        if account is None:
            raise ApiError(Code.UNAUTHORIZED, headers=self._challenge)
        note_user(request, account.name)
        return account

    async def _may(self, account: Account | None, wanted: list[Scope]) -> bool:
        granted = await grant(self._rights, account, wanted)
        return all(covers(granted, scope) for scope in wanted)


class TokenGate:
    """A token with each request.

    Args:
        verifier: of tokens.
        realm: URL of the issuer, from the configuration.
        service: our name as an audience.
        rights: by which the catalog is filtered; None shows all to who may see it at all.
    """

    def __init__(
        self, verifier: TokenVerifier, realm: str, service: str, rights: Rights | None = None
    ) -> None:
        self._verifier = verifier
        self._realm = realm
        self._service = service
        self._rights = rights

    async def authorize(
        self, repository: str | None, actions: AbstractSet[Action], request: Request
    ) -> Actor:
        """See `Access.authorize`."""
        wanted = wanted_scopes(repository, actions)
        try:
            given = parse_credentials(request.headers.get("authorization"))
            if not isinstance(given, Bearer):
                raise self._refusal(wanted)
            claims = self._verifier.verify(given.token)
        except Unauthorized as err:
            raise self._refusal(wanted, err.message, "invalid_token") from err
        note_user(request, claims.subject)
        if not all(covers(claims.granted, scope) for scope in wanted):
            raise self._refusal(wanted, "the token does not allow this", "insufficient_scope")
        request.scope[_STATE] = claims
        return Actor(claims.subject)

    async def allows(self, actor: Actor, action: Action, repository: str, request: Request) -> bool:
        """See `Access.allows`."""
        del actor
        claims: Claims | None = request.scope.get(_STATE)
        return claims is not None and all(
            covers(claims.granted, scope) for scope in wanted_scopes(repository, {action})
        )

    async def visible(self, actor: Actor, names: list[str], request: Request) -> list[str]:
        """See `Access.visible`."""
        del request
        if self._rights is None:
            return names
        return await _pullable(self._rights, account_of(actor), names)

    def _refusal(self, wanted: list[Scope], message: str = "", error: str = "") -> ApiError:
        challenge = bearer_challenge(self._realm, self._service, wanted, error=error or None)
        return ApiError(
            Code.UNAUTHORIZED,
            message,
            detail=[
                {"Type": scope.resource, "Class": "", "Name": scope.name, "Action": action}
                for scope in wanted
                for action in sorted(scope.actions)
            ]
            or None,
            headers={"www-authenticate": challenge},
        )


def account_of(actor: Actor) -> Account | None:
    """Return the account that a verified token was given to, as far as rights look at it."""
    return Account(actor.name, "") if actor.name else None


async def _pullable(rights: Rights, account: Account | None, names: list[str]) -> list[str]:
    return [name for name in names if PULL in await rights.allowed(account, "repository", name)]
