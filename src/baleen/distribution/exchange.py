"""Requests to registries: connections kept for the next one, redirects, and errors with URLs.

No policy of whom to trust with what: that is the caller's, who gives the Authorization header and
says whether redirects are followed. A redirect to another origin never takes that header along.
"""

from __future__ import annotations

import ipaddress
import re
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from baleen.distribution.answers import Unreachable, refusal, shown
from baleen.distribution.certificates import tls_context
from baleen.distribution.challenges import parse_challenges
from baleen.distribution.connection import Connection, Reply
from baleen.distribution.hosts import endpoint_of
from baleen.distribution.proxies import proxy_for
from baleen.distribution.routes import NetworkError, Route
from baleen.errors import BaleenError, InvalidArgument, PermissionDenied

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable

    from baleen.distribution.cancellation import Cancellation
    from baleen.distribution.connection import FilePiece
    from baleen.distribution.hosts import Endpoint
    from baleen.distribution.settings import RegistrySettings

    Body = bytes | Callable[[], Iterable[FilePiece]] | None

__all__ = ["Exchange", "Target", "error_of"]

ERROR_LIMIT = 64 << 10
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REDIRECT_LIMIT = 5
_IDLE_LIMIT = 8


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes: an endpoint, and the path with its query.

    `foreign`: another party chose the host, so addresses of this machine are not for it.
    """

    endpoint: Endpoint
    path: str
    foreign: bool = False

    @property
    def url(self) -> str:
        """The whole URL."""
        return f"{self.endpoint.scheme}://{self.endpoint.authority}{self.path}"

    @property
    def shown(self) -> str:
        """The URL for a message: without the query of a signed address."""
        url, query, _ = self.url.partition("?")
        return url + (f"{query}..." if query and self.foreign else self.url[len(url) :])

    def follow(self, location: str) -> Target:
        """Return where a Location header leads from here.

        Raises:
            PermissionDenied: to another scheme than HTTP's, or from HTTPS to HTTP.
        """
        url = urljoin(self.url, location)
        try:
            parts = urlsplit(url)
            endpoint = endpoint_of(f"{parts.scheme}://{parts.netloc}")
        except (InvalidArgument, ValueError) as err:
            raise PermissionDenied(
                f'{self.shown}: a redirect to "{shown(location)[:200]}" is not followed'
            ) from err
        if parts.scheme == "http" and self.endpoint.scheme == "https":
            raise PermissionDenied(
                f'{self.shown}: a redirect from https to "http://{parts.netloc}" is not followed'
            )
        path = re.sub(r"[^\x21-\x7e]", "", parts.path or "/")
        path += f"?{re.sub(r'[^!-~]', '', parts.query)}" if parts.query else ""
        if endpoint.origin == self.endpoint.origin:
            return replace(self, path=path)
        same_host = endpoint.host == self.endpoint.host
        endpoint = replace(endpoint, insecure=self.endpoint.insecure and same_host, mirror=True)
        return Target(endpoint, path, foreign=self.foreign or not self.endpoint.insecure)


class Exchange:
    """Requests of one operation; usable from many threads; `close` when it is over.

    Raises:
        Unreachable: no answer, with method, URL and cause.
        Cancelled: the caller gave up.
    """

    def __init__(self, settings: RegistrySettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._idle: dict[tuple[str, str, int, bool], list[Connection]] = {}
        self._contexts: dict[tuple[str, bool], ssl.SSLContext] = {}
        self._closed = False

    def close(self) -> None:
        """Close the connections that nobody uses; those in use when their reply is released."""
        with self._lock:
            self._closed = True
            idle = [connection for kept in self._idle.values() for connection in kept]
            self._idle.clear()
        for connection in idle:
            connection.close()

    def send(
        self,
        target: Target,
        method: str,
        headers: dict[str, str],
        cancel: Cancellation,
        *,
        body: Body = None,
        follow: bool = False,
    ) -> Reply:
        """Send a request and return the reply, which the caller releases.

        With `follow`, redirects of GET and HEAD are followed.
        """
        for _ in range(_REDIRECT_LIMIT + 1):
            reply = self._once(target, method, headers, body, cancel)
            location = reply.header("Location")
            if not follow or reply.status not in _REDIRECTS or not location:
                return reply
            self.finish(reply)
            onward = target.follow(location)
            if onward.endpoint.origin != target.endpoint.origin:
                headers = {k: v for k, v in headers.items() if k != "Authorization"}
            target = onward
        raise Unreachable(
            f'{method.title()} "{target.shown}": stopped after {_REDIRECT_LIMIT} redirects'
        )

    def release(self, reply: Reply) -> None:
        """Keep the reply's connection for the next request, or close it."""
        connection = reply.connection
        connection.unbind()
        if reply.leave():
            with self._lock:
                kept = self._idle.setdefault(_key(connection.route), [])
                if not self._closed and len(kept) < _IDLE_LIMIT:
                    kept.append(connection)
                    return
        connection.close()

    def finish(self, reply: Reply) -> bytes:
        """Return a short body, and release the reply; what does not end soon is cut off."""
        try:
            return reply.read(ERROR_LIMIT)
        except NetworkError:
            return b""
        finally:
            self.release(reply)

    def _once(
        self,
        target: Target,
        method: str,
        headers: dict[str, str],
        body: Body,
        cancel: Cancellation,
    ) -> Reply:
        cancel.check()
        route = self._route(target)
        try:
            while True:
                connection, fresh = self._connection(route, cancel)
                try:
                    sent = body() if callable(body) else body
                    return connection.request(method, target.path, headers, sent)
                except NetworkError:
                    connection.close()
                    # A kept connection may be closed at any time: that says nothing. Of a long
                    # body the server may have taken a part, which is the caller's to find out.
                    if fresh or callable(body):
                        raise
                except BaseException:
                    connection.close()
                    raise
        except NetworkError as err:
            raise unreachable(target, method, err) from err

    def _connection(self, route: Route, cancel: Cancellation) -> tuple[Connection, bool]:
        while True:
            with self._lock:
                kept = self._idle.get(_key(route))
                connection = kept.pop() if kept else None
            if connection is None:
                return Connection(route, cancel), True
            if not connection.is_stale:
                connection.bind(cancel)
                return connection, False
            connection.close()

    def _route(self, target: Target) -> Route:
        endpoint = target.endpoint
        settings = self._settings
        return Route(
            scheme=endpoint.scheme,
            host=endpoint.host,
            port=endpoint.port,
            proxy=proxy_for(settings, endpoint.scheme, endpoint.host, endpoint.port),
            tls=self._context(endpoint) if endpoint.scheme == "https" else None,
            connect_timeout_s=settings.connect_timeout_s,
            stall_timeout_s=settings.stall_timeout_s,
            permitted=_is_public if target.foreign else _is_any,
        )

    def _context(self, endpoint: Endpoint) -> ssl.SSLContext:
        key = endpoint.authority, endpoint.insecure
        with self._lock:
            context = self._contexts.get(key)
        if context is None:
            context = tls_context(self._settings, endpoint.authority, insecure=endpoint.insecure)
            with self._lock:
                self._contexts[key] = context
        return context


def _key(route: Route) -> tuple[str, str, int, bool]:
    return route.scheme, route.host, route.port, route.permitted is _is_public


def _is_any(address: str) -> bool:
    del address
    return True


def _is_public(address: str) -> bool:
    """Keep a registry from sending us to services of this machine or its cloud's metadata."""
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    found = mapped if mapped is not None else found
    return not (
        found.is_loopback or found.is_link_local or found.is_unspecified or found.is_multicast
    )


def unreachable(target: Target, method: str, err: NetworkError) -> Unreachable:
    """Return the error of a connection that failed, with method and URL as Go's client has them."""
    return Unreachable(
        f'{method.title()} "{target.shown}": {err}',
        speaks_http=err.speaks_http,
        untrusted=err.untrusted,
        dialing=err.dialing,
    )


def error_of(exchange: Exchange, reply: Reply) -> BaleenError:
    """Return what an answer of status 400 or more means, and release it."""
    challenges = parse_challenges(reply.headers("WWW-Authenticate"))
    retry_after = reply.header("Retry-After")
    body = exchange.finish(reply)
    return refusal(reply.status, reply.reason, challenges, body, retry_after)
