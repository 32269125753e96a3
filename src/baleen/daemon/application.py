"""The application behind the HTTP server: the guard, then the table of all operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen import __version__
from baleen.api.versions import MAXIMUM_TEXT
from baleen.daemon import (
    routes_absent,
    routes_build,
    routes_checkpoints,
    routes_containers,
    routes_explain,
    routes_image_archives,
    routes_images,
    routes_insight,
    routes_networks,
    routes_registries,
    routes_system,
    routes_transfers,
)
from baleen.daemon.routing import Router

if TYPE_CHECKING:
    from baleen.daemon.facade import EngineFacade
    from baleen.daemon.guard import OriginGuard
    from baleen.daemon.http_messages import Request
    from baleen.daemon.http_server import Outcome

__all__ = ["OPERATIONS", "Application", "headers"]


def headers(*, experimental: bool) -> str:
    """Return the head lines of every answer."""
    return (
        f"Api-Version: {MAXIMUM_TEXT}\r\n"
        f"Docker-Experimental: {str(experimental).lower()}\r\n"
        "Ostype: linux\r\n"
        f"Server: Baleen/{__version__} (linux)\r\n"
    )


OPERATIONS = (
    *routes_containers.OPERATIONS,
    *routes_checkpoints.OPERATIONS,
    *routes_images.OPERATIONS,
    *routes_image_archives.OPERATIONS,
    *routes_networks.OPERATIONS,
    *routes_registries.OPERATIONS,
    *routes_system.OPERATIONS,
    *routes_absent.OPERATIONS,
    *routes_build.OPERATIONS,
    *routes_explain.OPERATIONS,
    *routes_insight.OPERATIONS,
    *routes_transfers.OPERATIONS,
)


class Application:
    """Callable that the server gives each request to."""

    def __init__(self, engine: EngineFacade, guard: OriginGuard) -> None:
        self._router = Router(engine, OPERATIONS)
        self._guard = guard

    def __call__(self, request: Request) -> Outcome:
        """Return the answer, or an awaitable of it; raises errors of our tree."""
        if request.is_tcp:
            self._guard.check(request)
        return self._router.handle(request)
