"""What tightens another `Access`: read-only mode, and a limit on the requests of one user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.registry.access import Access, Action, Actor
from baleen.registry.auth.gates import too_many
from baleen.registry.auth.guesses import TooManyRequests
from baleen.registry.errors import ApiError, Code

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from baleen.registry.auth.buckets import Buckets
    from baleen.registry.messages import Request

__all__ = ["ReadOnly", "UserLimit"]


class _Tightened:
    """Asks another access, and then something of its own."""

    def __init__(self, inner: Access) -> None:
        self._inner = inner

    async def allows(self, actor: Actor, action: Action, repository: str, request: Request) -> bool:
        """See `Access.allows`."""
        return await self._inner.allows(actor, action, repository, request)

    async def visible(self, actor: Actor, names: list[str], request: Request) -> list[str]:
        """See `Access.visible`."""
        return await self._inner.visible(actor, names, request)


class ReadOnly(_Tightened):
    """Another access without pushes and deletions: 405, as of a route that is not there.

    See: distribution's configuration, `storage.maintenance.readonly`.
    """

    async def authorize(
        self, repository: str | None, actions: AbstractSet[Action], request: Request
    ) -> Actor:
        """See `Access.authorize`; who may not push at all learns that first."""
        actor = await self._inner.authorize(repository, actions, request)
        if actions & {Action.PUSH, Action.DELETE}:
            raise ApiError(Code.UNSUPPORTED, "the registry is read-only")
        return actor


class UserLimit(_Tightened):
    """Another access for so many requests of a user in a while: 429 with `Retry-After`.

    People without a name are limited by their address, before anything is asked of them
    (`rate_limit.py`).
    """

    def __init__(self, inner: Access, buckets: Buckets) -> None:
        super().__init__(inner)
        self._buckets = buckets

    async def authorize(
        self, repository: str | None, actions: AbstractSet[Action], request: Request
    ) -> Actor:
        """See `Access.authorize`."""
        actor = await self._inner.authorize(repository, actions, request)
        wait = self._buckets.take(actor.name) if actor.name else 0
        if wait:
            raise too_many(TooManyRequests("too many requests of this user", retry_after_s=wait))
        return actor
