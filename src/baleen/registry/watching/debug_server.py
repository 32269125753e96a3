"""The debug address: metrics and health with reasons, away from the registry's own port.

    http:
      debug:
        addr: 127.0.0.1:5001
        prometheus: {enabled: true, path: /metrics}

`GET /metrics` and `GET /debug/health` (as distribution: `{}` with 200, or reasons with 503). It has
no authentication: give it an address that only the operator reaches.

See: distribution's configuration, `http.debug`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from aiohttp import web

    from baleen.registry.watching.health import Health
    from baleen.registry.watching.metrics import Metrics

__all__ = ["Debug", "DebugServer"]


class Prometheus(msgspec.Struct, frozen=True, kw_only=True):
    """Section `http.debug.prometheus`."""

    enabled: bool = False
    path: str = "/metrics"


class Debug(msgspec.Struct, frozen=True, kw_only=True):
    """Section `http.debug`."""

    addr: str = ""
    prometheus: Prometheus = Prometheus()


class DebugServer:
    """A small HTTP server; `start` and `stop` belong to the application's lifespan.

    Raises:
        InvalidArgument: the address or path of the section is none.
    """

    def __init__(self, section: Debug, metrics: Metrics | None, health: Health) -> None:
        host, colon, port = section.addr.rpartition(":")
        if not colon or not (port.isascii() and port.isdigit() and int(port) < 65536):
            raise InvalidArgument(f"http.debug.addr: {section.addr!r} is not HOST:PORT")
        if not section.prometheus.path.startswith("/"):
            raise InvalidArgument("http.debug.prometheus.path must begin with /")
        self._host, self._port = host.strip("[]") or None, int(port)
        self._section = section
        self._metrics = metrics
        self._health = health
        self._runner: web.AppRunner | None = None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        assert self._runner is not None
        return int(self._runner.addresses[0][1])

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address cannot be had.
        """
        from aiohttp import web  # a registry without this address never needs it

        application = web.Application()
        application.router.add_get("/debug/health", self._debug_health)
        if self._metrics is not None and self._section.prometheus.enabled:
            application.router.add_get(self._section.prometheus.path, self._exposition)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()

    async def stop(self) -> None:
        """Stop listening; success means that it does not, not that it did."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _exposition(self, _: web.Request) -> web.Response:
        from aiohttp import web

        assert self._metrics is not None
        kind, body = self._metrics.exposition()
        return web.Response(body=body, headers={"Content-Type": kind})

    async def _debug_health(self, _: web.Request) -> web.Response:
        from aiohttp import web

        reason = await self._health.reason()
        body = msgspec.json.encode({"storage": reason} if reason else {})
        return web.Response(
            status=503 if reason else 200, body=body, content_type="application/json"
        )
