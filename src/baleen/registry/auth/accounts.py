"""What gates and the issuer ask about people: two small protocols, and the types they speak.

`Accounts` is behind the passwords (an htpasswd file here; a hub has its own), `Rights` behind the
permissions. Both are asked anew for each token and for each request with a password, so a change
takes effect there at once; a token that is already out lives until it expires.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from baleen.registry.auth.scopes import CATALOG, REPOSITORY_ACTIONS

if TYPE_CHECKING:
    from baleen.registry.auth.scopes import Scope

__all__ = ["Account", "Accounts", "EverybodyMay", "Rights", "actions_of", "grant"]


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who proved its name.

    Attributes:
        name: as in the store of accounts.
        generation: changes with the password; what was given out under another is void.
    """

    name: str
    generation: str


class Accounts(Protocol):
    """A store of accounts."""

    async def authenticate(self, user: str, password: str, address: str) -> Account | None:
        """Return the account if the password is right, None for a wrong one or no such user.

        Both take the same time. `address` is the client's.

        Raises:
            TooManyRequests: too many wrong passwords for this user or from this address.
        """

    async def find(self, user: str) -> Account | None:
        """Return the account as it is now, or None if there is none any more."""


class Rights(Protocol):
    """A store of permissions."""

    async def allowed(self, account: Account | None, resource: str, name: str) -> frozenset[str]:
        """Return the actions that `account` (None: somebody without a name) has on a resource.

        Of a `repository` these are names out of `pull`, `push`, `delete`; of `registry:catalog`
        `*` or nothing; nothing of what is not known.
        """


class EverybodyMay:
    """Rights of a registry without a policy: whoever has an account may do everything."""

    async def allowed(self, account: Account | None, resource: str, name: str) -> frozenset[str]:
        """See `Rights.allowed`."""
        return actions_of(resource, name) if account is not None else frozenset()


def actions_of(resource: str, name: str) -> frozenset[str]:
    """Return all actions that there are on a resource."""
    if resource == "repository":
        return REPOSITORY_ACTIONS
    return CATALOG.actions if (resource, name) == (CATALOG.resource, CATALOG.name) else frozenset()


async def grant(rights: Rights, account: Account | None, wanted: list[Scope]) -> list[Scope]:
    """Cut what is wanted to what is allowed; resources without any right are left out."""
    cut = [scope.cut(await rights.allowed(account, scope.resource, scope.name)) for scope in wanted]
    return [scope for scope in cut if scope.actions]
