"""Which access, events, upstream and wrappers a configuration asks for.

The composition root of the access side; `assembly.py` calls these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.registry.access import Open
from baleen.registry.events import Silence

if TYPE_CHECKING:
    import ssl

    from baleen.registry.access import Access
    from baleen.registry.contents import Contents
    from baleen.registry.events import EventSink
    from baleen.registry.messages import Asgi
    from baleen.registry.settings import Settings
    from baleen.registry.upstream import Upstream

__all__ = ["make_access", "make_events", "make_tls", "make_upstream", "wrap"]


def make_access(settings: Settings) -> Access:
    """Return what the section `auth` asks for."""
    del settings
    return Open()


def make_events(settings: Settings) -> EventSink:
    """Return what the section `notifications` asks for."""
    del settings
    return Silence()


def make_upstream(settings: Settings) -> Upstream | None:
    """Return what the section `proxy` asks for, or None."""
    del settings
    return None


def make_tls(settings: Settings) -> ssl.SSLContext | None:
    """Return the context of the section `http.tls`, or None for plain HTTP."""
    del settings
    return None


def wrap(application: Asgi, settings: Settings, contents: Contents) -> Asgi:
    """Put what watches and limits requests round the application."""
    del settings, contents
    return application
