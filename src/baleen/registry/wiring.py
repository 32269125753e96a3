"""Which access, events, upstream and wrappers a configuration asks for.

The composition root of the access side; `assembly.py` asks it. From the outside in, a request
passes through

    ForwardedClient ► AccessLog ► Measured ► AddressLimit ► HealthApp ► TokenApp ► the application

Of these, and of the clients of other servers, only what the configuration asks for is imported: it
is most of what a registry's start and memory would cost.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from baleen.registry.access import Open
from baleen.registry.auth.admission import Admission
from baleen.registry.auth.buckets import Buckets
from baleen.registry.auth.rate_limit import AddressLimit
from baleen.registry.auth.tightened import ReadOnly, UserLimit
from baleen.registry.client_address import ForwardedClient
from baleen.registry.events import EventSink, Silence
from baleen.registry.notifications.couriers import Couriers, Notifications, check_endpoints
from baleen.registry.notifications.queue import EventQueue
from baleen.registry.tls import Tls, make_context
from baleen.registry.watching.access_log import AccessLog, Line, combined_line, json_line
from baleen.registry.watching.debug_server import Debug, DebugServer
from baleen.registry.watching.health import Health, HealthApp
from baleen.registry.watching.numbers import Nobody

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from baleen.registry.access import Access
    from baleen.registry.configuration import Tree
    from baleen.registry.contents import Contents
    from baleen.registry.messages import Asgi, Message, Receive, Scope, Send
    from baleen.registry.proxy.cache import Cache
    from baleen.registry.settings import Settings
    from baleen.registry.upstream import Upstream
    from baleen.registry.watching.metrics import Metrics
    from baleen.registry.watching.numbers import Numbers

__all__ = ["Side", "make_tls", "trusted_proxies"]

_LOG = logging.getLogger("baleen.registry")


class _Rate(msgspec.Struct, frozen=True, kw_only=True):
    """So many requests: `persecond` in the long run, `burst` at once."""

    persecond: float = 0
    burst: float = 1

    def buckets(self) -> Buckets | None:
        return Buckets(self.persecond, max(1, self.burst)) if self.persecond > 0 else None


class _RateLimit(msgspec.Struct, frozen=True, kw_only=True):
    address: _Rate = _Rate()
    user: _Rate = _Rate()


class _AccessLogSection(msgspec.Struct, frozen=True, kw_only=True):
    disabled: bool = False
    format: str = "combined"


class _HttpSection(msgspec.Struct, frozen=True, kw_only=True):
    trustedproxies: list[str] = []
    host: str = ""
    debug: Debug = Debug()


class _ReadOnlySection(msgspec.Struct, frozen=True, kw_only=True):
    enabled: bool = False


def make_tls(settings: Settings) -> ssl.SSLContext | None:
    """Return the context of the section `http.tls`, or None for plain HTTP.

    Raises:
        InvalidArgument: names the key that is wrong.
    """
    return make_context(settings.tree.section("http.tls", Tls))


def trusted_proxies(settings: Settings) -> list[str]:
    """Return the addresses of proxies whose `X-Forwarded-For` is believed."""
    return settings.tree.section("http", _HttpSection).trustedproxies


class Side:
    """The access side of one registry.

    Attributes:
        access: for the application.
        events: for the application.
        upstream: for the application, or None.
        metrics: all numbers; None where no debug address shows them.

    Raises:
        InvalidArgument: names the key of the configuration that is wrong.
        OSError: a file that it names cannot be read.
    """

    def __init__(self, settings: Settings, *, write: Callable[[str], object] | None = None) -> None:
        tree = settings.tree
        root = Path(settings.storage.root)
        self._write = write if write is not None else _write_out
        self._http = tree.section("http", _HttpSection)
        self._limits = tree.section("ratelimit", _RateLimit)
        self._log = tree.section("log.accesslog", _AccessLogSection)
        self.metrics = _metrics(self._http.debug)
        numbers: Numbers = self.metrics or Nobody()
        self._admission = _admission(tree, root)
        self.access: Access = self._admission.access
        if (buckets := self._limits.user.buckets()) is not None:
            self.access = UserLimit(self.access, buckets)
        if tree.section("storage.maintenance.readonly", _ReadOnlySection).enabled:
            self.access = ReadOnly(self.access)
        self._cache = _cache(tree, root, numbers, has_auth=not self._admission.is_open)
        self.upstream: Upstream | None = self._cache
        self._queue: EventQueue | None = None
        notifications = tree.section("notifications", Notifications)
        self._couriers = self._make_couriers(notifications, root, numbers)
        self.events: EventSink = self._couriers or Silence()

    def _make_couriers(
        self, section: Notifications, root: Path, numbers: Numbers
    ) -> Couriers | None:
        check_endpoints(section.endpoints)
        if all(endpoint.disabled for endpoint in section.endpoints):
            return None
        path = Path(section.queue) if section.queue else root / "notifications.sqlite"
        path.parent.mkdir(parents=True, exist_ok=True)
        self._queue = EventQueue(path)
        return Couriers(
            section.endpoints,
            self._queue,
            url_base=self._http.host,
            metrics=numbers,
            complain=_LOG.warning,
        )

    def wrap(self, application: Asgi, contents: Contents) -> Asgi:
        """Put what watches and limits requests round the application, and serve its life."""
        health = Health(contents.check, _LOG.warning)
        debug = None
        if self._http.debug.addr:
            debug = DebugServer(self._http.debug, self.metrics, health)
        wrapped = _Living(application, self, debug)
        return self._outside(wrapped, health)

    def _outside(self, wrapped: Asgi, health: Health) -> Asgi:
        if self._admission.issuer is not None:
            from baleen.registry.auth.token_app import TokenApp

            wrapped = TokenApp(self._admission.issuer, self._admission.jwks, wrapped)
        wrapped = HealthApp(wrapped, health)
        if (buckets := self._limits.address.buckets()) is not None:
            wrapped = AddressLimit(wrapped, buckets)
        if self.metrics is not None:
            from baleen.registry.watching.metrics import Measured

            wrapped = Measured(wrapped, self.metrics)
        wrapped = AccessLog(wrapped, None if self._log.disabled else self._write_line)
        if self._http.trustedproxies:
            wrapped = ForwardedClient(wrapped, self._http.trustedproxies)
        return wrapped

    def _write_line(self, line: Line) -> None:
        form = json_line if self._log.format == "json" else combined_line
        self._write(form(line) + "\n")

    async def run(self, debug: DebugServer | None, is_ready: asyncio.Event) -> None:
        """Run what goes on beside requests, until cancelled.

        Raises:
            OSError: the debug address cannot be had; `is_ready` is not set then.
        """
        try:
            if debug is not None:
                await debug.start()
            async with asyncio.TaskGroup() as tasks:
                if self._cache is not None:
                    tasks.create_task(self._cache.run())
                if self._couriers is not None:
                    tasks.create_task(self._couriers.run())
                is_ready.set()
                await asyncio.get_running_loop().create_future()
        finally:
            if debug is not None:
                await debug.stop()
            self._admission.close()
            if self._queue is not None:
                self._queue.close()


def _metrics(section: Debug) -> Metrics | None:
    if not (section.addr and section.prometheus.enabled):
        return None
    from baleen.registry.watching.metrics import Metrics

    return Metrics()


def _admission(tree: Tree, root: Path) -> Admission:
    if not tree.has("auth"):
        return Admission(Open(), is_open=True)
    from baleen.registry.auth.section import make_admission

    return make_admission(tree, root, _LOG.warning)


def _cache(tree: Tree, root: Path, numbers: Numbers, *, has_auth: bool) -> Cache | None:
    if not tree.has("proxy"):
        return None
    from baleen.registry.proxy.section import Proxy, make_cache

    return make_cache(
        tree.section("proxy", Proxy),
        has_auth=has_auth,
        spool=_spool(root),
        metrics=numbers,
        complain=_LOG.warning,
    )


def _write_out(text: str) -> None:
    """Write to standard output at once; whoever read it may be gone."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.write(text)
        sys.stdout.flush()


def _spool(root: Path) -> str:
    """Return a directory beside the blobs: the system's temporary one may be small memory."""
    directory = root / "spool"
    directory.mkdir(parents=True, exist_ok=True)
    return str(directory)


class _Living:
    """An application whose lifespan is also that of the access side.

    The application starts first and stops last, so what runs beside requests always finds it there.
    """

    def __init__(self, behind: Asgi, side: Side, debug: DebugServer | None) -> None:
        self._behind = behind
        self._side = side
        self._debug = debug

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection scope."""
        if scope["type"] != "lifespan":
            await self._behind(scope, receive, send)
            return
        async with asyncio.TaskGroup() as tasks:
            beside: asyncio.Task[str] | None = None

            async def watched_receive() -> Message:
                message = await receive()
                if message["type"] == "lifespan.shutdown" and beside is not None:
                    beside.cancel()
                    await asyncio.wait([beside])
                return message

            async def watched_send(message: Message) -> None:
                nonlocal beside
                if message["type"] == "lifespan.startup.complete":
                    is_ready = asyncio.Event()
                    beside = tasks.create_task(self._beside(is_ready))
                    ready = tasks.create_task(is_ready.wait())
                    await asyncio.wait([beside, ready], return_when=asyncio.FIRST_COMPLETED)
                    ready.cancel()
                    if beside.done():
                        message = {"type": "lifespan.startup.failed", "message": beside.result()}
                await send(message)

            await self._behind(scope, watched_receive, watched_send)
            if beside is not None:
                beside.cancel()

    async def _beside(self, is_ready: asyncio.Event) -> str:
        """Run what goes on beside requests; return why it could not start."""
        try:
            await self._side.run(self._debug, is_ready)
        except OSError as err:
            if is_ready.is_set():
                raise
            return f"http.debug.addr: {err}"
        return ""
