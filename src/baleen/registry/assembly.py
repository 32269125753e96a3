"""A whole registry from its settings: the composition root."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.registry import wiring
from baleen.registry.application import create_app
from baleen.registry.contents import Contents, open_contents

if TYPE_CHECKING:
    from baleen.registry.messages import Asgi
    from baleen.registry.settings import Settings

__all__ = ["assemble"]


def assemble(settings: Settings) -> tuple[Asgi, Contents]:
    """Return the ASGI application with all that `settings` asks for, and what it serves."""
    side = wiring.Side(settings)
    contents = open_contents(settings)
    application = create_app(
        settings,
        contents=contents,
        access=side.access,
        events=side.events,
        upstream=side.upstream,
    )
    return side.wrap(application, contents), contents
