"""What all endpoints work with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from baleen.registry.access import Access, Actor
from baleen.registry.events import Event, EventAction, EventSink
from baleen.registry.messages import Request, Response
from baleen.registry.routing import Route

if TYPE_CHECKING:
    from baleen.oci.digest import Digest
    from baleen.registry.contents import Contents
    from baleen.registry.upstream import Upstream

__all__ = ["Handler", "Service", "matches_etag"]

BLOB_TYPE = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Service:
    """The parts of one application.

    Attributes:
        base: what URLs in answers begin with: a path, or what `http.host` says. Never anything
            that a request said.
        delete_enabled: whether manifests, tags and blobs can be deleted.
    """

    contents: Contents
    access: Access
    events: EventSink
    upstream: Upstream | None
    base: str
    delete_enabled: bool

    def url(self, name: str, *parts: str) -> str:
        """Return the URL of something in a repository."""
        return "/".join((f"{self.base}v2", name, *parts))

    def note(
        self,
        action: EventAction,
        request: Request,
        actor: Actor,
        repository: str,
        digest: Digest | str,
        *,
        media_type: str = BLOB_TYPE,
        size: int = 0,
        tag: str = "",
        source: str = "",
    ) -> None:
        """Tell the event sink."""
        self.events.emit(
            Event(action, repository, digest, media_type, size, tag, source, actor, request)
        )


Handler: TypeAlias = Callable[[Service, Route, Request, Actor], Awaitable[Response]]


def matches_etag(request: Request, digest: Digest) -> bool:
    """Say whether the client has this content already (RFC 9110 §13.1.2)."""
    header = request.headers.get("if-none-match", "")
    if not header:
        return False
    tags = {tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")}
    return "*" in tags or digest in tags
