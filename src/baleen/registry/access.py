"""Who may do what: the question that every route asks before anything else happens.

    request ──► route ──► Access.authorize(repository, actions, request) ──► Actor ──► work
                                   │
                                   └─ raises ApiError UNAUTHORIZED / DENIED / NAME_UNKNOWN

The application asks exactly once for each request, with the repository as the path spells it. A
cross mount asks a second time, with `allows`, for `pull` on the source: a boolean, because a
refusal there must look like "the blob is not there".

    route                                    repository    actions
    GET /v2/                                 None          {}
    GET /v2/_catalog                         None          {catalog}
    GET, HEAD manifests, blobs, tags,
        referrers                            name          {pull}
    POST uploads                             name          {pull, push}
    GET, PATCH, PUT, DELETE an upload        name          {push}
    PUT manifest                             name          {push}
    DELETE manifest, tag, blob               name          {delete}
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from baleen.registry.messages import Request

__all__ = ["ANYBODY", "Access", "Action", "Actor", "Open"]


class Action(StrEnum):
    """What can be asked for."""

    PULL = "pull"
    PUSH = "push"
    DELETE = "delete"
    CATALOG = "catalog"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a request; `name` is empty for somebody unknown."""

    name: str = ""


ANYBODY = Actor()


class Access(Protocol):
    """Decides; implementations never read the request's body."""

    async def authorize(
        self, repository: str | None, actions: AbstractSet[Action], request: Request
    ) -> Actor:
        """Return who asks, when all of `actions` are allowed on `repository`.

        Raises:
            ApiError: UNAUTHORIZED with `www-authenticate` among its headers; DENIED; or
                TOOMANYREQUESTS.
        """
        ...

    async def allows(self, actor: Actor, action: Action, repository: str, request: Request) -> bool:
        """Say whether `actor`, whom `authorize` returned for `request`, may do this too."""
        ...

    async def visible(self, actor: Actor, names: list[str], request: Request) -> list[str]:
        """Return those of the repositories `names` that the catalog may show to `actor`."""
        ...


class Open:
    """Access for everybody to everything: a registry without `auth` in its configuration."""

    async def authorize(
        self,
        repository: str | None,
        actions: AbstractSet[Action],
        request: Request,
    ) -> Actor:
        """Allow it."""
        return ANYBODY

    async def allows(
        self,
        actor: Actor,
        action: Action,
        repository: str,
        request: Request,
    ) -> bool:
        """Allow it."""
        return True

    async def visible(
        self,
        actor: Actor,
        names: list[str],
        request: Request,
    ) -> list[str]:
        """Show all."""
        return names
