"""The ASGI application (skeleton; the signature is fixed)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.registry.access import Access, Open
from baleen.registry.events import EventSink, Silence

if TYPE_CHECKING:
    from baleen.registry.contents import Contents
    from baleen.registry.messages import Asgi
    from baleen.registry.settings import Settings
    from baleen.registry.upstream import Upstream

__all__ = ["create_app"]


def create_app(
    settings: Settings,
    *,
    contents: Contents,
    access: Access | None = None,
    events: EventSink | None = None,
    upstream: Upstream | None = None,
) -> Asgi:
    """Return the application that serves `contents`; it handles `lifespan`, starting and closing them."""
    del settings, contents, upstream
    del access, events
    _ = Open, Silence
    raise NotImplementedError
