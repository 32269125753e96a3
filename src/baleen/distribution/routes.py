"""A connected socket to one origin: dialled, through a proxy where there is one, wrapped in TLS."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from baleen.distribution.dialing import DialError, dial

if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.distribution.cancellation import Cancellation
    from baleen.distribution.proxies import Proxy

__all__ = ["USER_AGENT", "NetworkError", "Route", "connect", "words"]

USER_AGENT = "baleen (distribution client)"
_TUNNEL_LIMIT = 64 << 10


class NetworkError(Exception):
    """The connection failed: says the stage and the cause, without the URL.

    Attributes:
        speaks_http: the server at the TLS port spoke plain HTTP, or nothing listened there.
        untrusted: its certificate was refused; asking again does not help.
        dialing: there was no connection yet.
    """

    def __init__(
        self,
        text: str,
        *,
        speaks_http: bool = False,
        untrusted: bool = False,
        dialing: bool = False,
    ) -> None:
        super().__init__(text)
        self.speaks_http = speaks_http
        self.untrusted = untrusted
        self.dialing = dialing


@dataclass(frozen=True, slots=True)
class Route:
    """How to reach one origin."""

    scheme: str
    host: str
    port: int
    proxy: Proxy | None
    tls: ssl.SSLContext | None
    connect_timeout_s: float
    stall_timeout_s: float
    permitted: Callable[[str], bool]

    @property
    def origin(self) -> tuple[str, str, int]:
        """What tells it from others: scheme, host, port."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """`host:port` for CONNECT and Host."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def connect(route: Route, cancel: Cancellation) -> socket.socket:
    """Return a socket that carries HTTP to the route's origin; the caller closes it.

    Raises:
        NetworkError: with the stage that failed, and why.
        Cancelled: the caller gave up.
    """
    proxy = route.proxy
    if proxy is not None and not _may_be_named(route):
        raise NetworkError(f"proxy: {route.authority}: the address is not permitted", dialing=True)
    where = (proxy.host, proxy.port) if proxy is not None else (route.host, route.port)
    permitted = route.permitted if proxy is None else lambda _: True
    try:
        plain = dial(*where, route.connect_timeout_s, cancel, permitted=permitted)
    except DialError as err:
        refused = "connection refused" in str(err)
        prefix = "proxyconnect tcp: " if proxy is not None else ""
        raise NetworkError(f"{prefix}{err}", speaks_http=refused, dialing=True) from err
    sock = plain
    with ExitStack() as stack:
        stack.callback(lambda: sock.close())
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.settimeout(route.connect_timeout_s)
        with cancel.on_cancel(lambda: socket.socket.shutdown(sock, socket.SHUT_RDWR)):
            try:
                if route.tls is not None:
                    if proxy is not None:
                        _tunnel(plain, route, proxy)
                    sock = tls = route.tls.wrap_socket(
                        plain, server_hostname=route.host, do_handshake_on_connect=False
                    )
                    tls.do_handshake()
            except OSError as err:
                cancel.check()
                raise _handshake_failure(err) from err
        sock.settimeout(route.stall_timeout_s)
        stack.pop_all()
        return sock


def _may_be_named(route: Route) -> bool:
    """Say whether a proxy may be asked for the route's host: only addresses can be judged here."""
    try:
        ipaddress.ip_address(route.host)
    except ValueError:
        return True
    return route.permitted(route.host)


def _tunnel(sock: socket.socket, route: Route, proxy: Proxy) -> None:
    """Ask the proxy for a tunnel (RFC 9110, section 9.3.6)."""
    lines = [f"CONNECT {route.authority} HTTP/1.1", f"Host: {route.authority}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    sock.sendall("\r\n".join([*lines, f"User-Agent: {USER_AGENT}", "", ""]).encode("latin-1"))
    head = b""
    while b"\r\n\r\n" not in head:
        # Byte by byte: what follows the head belongs to TLS.
        piece = sock.recv(1)
        if not piece or len(head) > _TUNNEL_LIMIT:
            raise NetworkError(f"proxy {proxy.host}:{proxy.port} closed the connection")
        head += piece
    words = head.partition(b"\r\n")[0].decode("latin-1").split(None, 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or words[1][:1] != "2":
        answer = " ".join(words[1:])[:200]
        raise NetworkError(f"proxy {proxy.host}:{proxy.port} refuses to connect: {answer}")


def _handshake_failure(err: OSError) -> NetworkError:
    if isinstance(err, ssl.SSLCertVerificationError):
        return NetworkError(
            f"tls: failed to verify certificate: {_x509_words(err)}", untrusted=True, dialing=True
        )
    if isinstance(err, ssl.SSLError):
        if err.reason in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"}:
            return NetworkError(
                "http: server gave HTTP response to HTTPS client", speaks_http=True, dialing=True
            )
        reason = (err.reason or str(err)).lower().replace("_", " ")
        return NetworkError(f"tls: handshake failed: {reason}", dialing=True)
    if isinstance(err, TimeoutError):
        return NetworkError("net/http: TLS handshake timeout")
    return NetworkError(f"tls: handshake failed: {words(err)}")


def _x509_words(err: ssl.SSLCertVerificationError) -> str:
    """Say it as Go's crypto/x509 does, whose words people search for."""
    message = err.verify_message
    if "expired" in message or "not yet valid" in message:
        return f"x509: certificate has expired or is not yet valid: {message}"
    if "Hostname mismatch" in message or "IP address mismatch" in message:
        return f"x509: certificate is not valid for the name: {message.rstrip('.')}"
    return f"x509: certificate signed by unknown authority: {message}"


def words(err: Exception) -> str:
    """Return what the system says of an error, in lower case as in Docker's messages."""
    if isinstance(err, OSError) and err.strerror:
        return err.strerror.lower()
    return str(err) or type(err).__name__
