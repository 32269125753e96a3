"""One HTTP/1.1 connection to a registry, and the reply that is read from it.

http.client does the protocol; here are the sockets below it: dialled, tunnelled through a proxy,
wrapped in TLS, and shut down when the operation is cancelled. Bodies are read into the caller's
buffer, with one system call for what has come.
"""

from __future__ import annotations

import errno
import http.client
import os
import socket
import ssl
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from baleen.distribution.dialing import DialError, dial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import IO

    from baleen.distribution.cancellation import Cancellation
    from baleen.distribution.proxies import Proxy

__all__ = ["Connection", "FilePiece", "NetworkError", "Reply", "Route"]

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
class FilePiece:
    """A part of a body that lies in a file: sent without being read where that can be."""

    file: IO[bytes]
    offset: int
    count: int


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
    def authority(self) -> str:
        """`host:port` for CONNECT and Host."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class _Plumbed(http.client.HTTPConnection):
    """http.client's connection over a socket that we made."""

    def __init__(self, sock: socket.socket, host: str, port: int) -> None:
        super().__init__(host, port, blocksize=1 << 20)
        self.sock = sock
        self.auto_open = 0


class Connection:
    """Connected when it exists; one request at a time; `close` is idempotent.

    While it is `bound` to a cancellation, that shuts it down. It is bound to one when made.

    Raises:
        NetworkError, Cancelled: from all calls.
    """

    def __init__(self, route: Route, cancel: Cancellation) -> None:
        self.route = route
        self._sock = _connect(route, cancel)
        self._http = _Plumbed(self._sock, route.host, route.port)
        self._binding = ExitStack()
        self.bind(cancel)

    def bind(self, cancel: Cancellation) -> None:
        """Be shut down by `cancel` from now on."""
        self._cancel = cancel
        self._binding.enter_context(cancel.on_cancel(self._interrupt))

    def unbind(self) -> None:
        """Be nobody's, for the time between two operations."""
        self._binding.close()

    def _interrupt(self) -> None:
        # Wakes a thread that waits on the socket; closing would not.
        with suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def request(
        self,
        method: str,
        target: str,
        headers: dict[str, str],
        body: bytes | Iterable[FilePiece] | None = None,
    ) -> Reply:
        """Send a request for `target` (path and query) and return the reply's head.

        A body in pieces needs Content-Length among the headers. When the server answers before
        it has taken all of it, that answer is returned and the connection is not used again.
        """
        sent_all = True
        try:
            self._head(method, target, headers, body)
            if body is not None and not isinstance(body, bytes):
                sent_all = self._send_pieces(body)
            response = self._http.getresponse()
        except (OSError, http.client.HTTPException, ValueError) as err:
            self._cancel.check()
            raise _failure(err, "waiting for the answer") from err
        return Reply(self, response, self._cancel, sent_all=sent_all)

    def _head(
        self,
        method: str,
        target: str,
        headers: dict[str, str],
        body: bytes | Iterable[FilePiece] | None,
    ) -> None:
        if self.route.proxy is not None and self.route.scheme == "http":
            target = f"http://{self.route.authority}{target}"
        self._http.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        default = self.route.port == {"http": 80, "https": 443}[self.route.scheme]
        authority = self.route.authority
        self._http.putheader("Host", authority.rpartition(":")[0] if default else authority)
        self._http.putheader("User-Agent", USER_AGENT)
        self._http.putheader("Accept-Encoding", "identity")
        proxy = self.route.proxy if self.route.scheme == "http" else None
        if proxy is not None and proxy.authorization:
            self._http.putheader("Proxy-Authorization", proxy.authorization)
        if isinstance(body, bytes):
            self._http.putheader("Content-Length", str(len(body)))
        elif body is None and method in {"POST", "PUT", "PATCH"}:
            self._http.putheader("Content-Length", "0")
        for name, value in headers.items():
            self._http.putheader(name, value)
        self._http.endheaders(body if isinstance(body, bytes) else None)

    def _send_pieces(self, body: Iterable[FilePiece]) -> bool:
        try:
            for piece in body:
                self._send_piece(piece)
        except (BrokenPipeError, ConnectionResetError):
            # It may have said why (401, 413) before it hung up.
            return False
        return True

    def _send_piece(self, piece: FilePiece) -> None:
        if isinstance(self._sock, ssl.SSLSocket):
            data = os.pread(piece.file.fileno(), piece.count, piece.offset)
            sent = len(data)
            self._sock.sendall(data)
        else:
            sent = self._sock.sendfile(piece.file, piece.offset, piece.count)
        if sent != piece.count:
            raise OSError(errno.EIO, f"{piece.file.name} is shorter than it was")

    def close(self) -> None:
        """Close the socket."""
        self._binding.close()
        self._http.close()
        self._sock.close()


class Reply:
    """Status, headers and a body to be read once; see `Exchange.release`."""

    def __init__(
        self,
        connection: Connection,
        response: http.client.HTTPResponse,
        cancel: Cancellation,
        *,
        sent_all: bool,
    ) -> None:
        self._connection = connection
        self._response = response
        self._cancel = cancel
        self.status = response.status
        self.reason = response.reason
        self.length = response.length
        self._left = response.length
        self._plain = not response.chunked and response.length is not None
        self._ended = response.length == 0
        self._reusable = sent_all and not response.will_close

    def header(self, name: str) -> str:
        """Return a header, or an empty string."""
        return str(self._response.getheader(name) or "")

    def headers(self, name: str) -> list[str]:
        """Return all headers of that name."""
        return [str(value) for value in self._response.headers.get_all(name) or ()]

    @property
    def connection(self) -> Connection:
        """Where it came from."""
        return self._connection

    def read_into(self, buffer: memoryview) -> int:
        """Read what has come, at least a byte; 0 at the end of the body.

        Raises:
            NetworkError: the connection ended before the body did, or stalled.
            Cancelled: the caller gave up.
        """
        if self._ended:
            return 0
        try:
            count = self._read_plain(buffer) if self._plain else self._response.readinto(buffer)
        except (OSError, http.client.HTTPException, ValueError) as err:
            self._cancel.check()
            raise _failure(err, "reading the answer") from err
        if count == 0:
            self._cancel.check()
            if self._left:
                raise NetworkError("unexpected EOF")
            self._ended = True
        return count

    def _read_plain(self, buffer: memoryview) -> int:
        assert self._left is not None
        # `fp` is a BufferedReader; readinto1 first gives what it holds, then one recv.
        count = self._response.fp.readinto1(buffer[: self._left])
        self._left -= count
        if self._left == 0:
            self._ended = True
        return int(count)

    def read(self, limit: int) -> bytes:
        """Return the whole body; NetworkError when it is larger than `limit` bytes."""
        data = bytearray()
        buffer = bytearray(min(limit + 1, 64 << 10))
        view = memoryview(buffer)
        while count := self.read_into(view):
            data += view[:count]
            if len(data) > limit:
                raise NetworkError(f"the answer is larger than {limit} bytes")
        return bytes(data)

    def leave(self) -> bool:
        """Be done with it; say whether the connection can take another request."""
        if not self._ended:
            return False
        # Else http.client believes that this one is still being read.
        self._response.close()
        return self._reusable


def _connect(route: Route, cancel: Cancellation) -> socket.socket:
    proxy = route.proxy
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
    return NetworkError(f"tls: handshake failed: {_words(err)}")


def _x509_words(err: ssl.SSLCertVerificationError) -> str:
    """Say it as Go's crypto/x509 does, whose words people search for."""
    message = err.verify_message
    if "expired" in message or "not yet valid" in message:
        return f"x509: certificate has expired or is not yet valid: {message}"
    if "Hostname mismatch" in message or "IP address mismatch" in message:
        return f"x509: certificate is not valid for the name: {message.rstrip('.')}"
    return f"x509: certificate signed by unknown authority: {message}"


def _failure(err: Exception, stage: str) -> NetworkError:
    if isinstance(err, http.client.RemoteDisconnected):
        return NetworkError("EOF")
    if isinstance(err, http.client.IncompleteRead):
        return NetworkError("unexpected EOF")
    if isinstance(err, http.client.HTTPException):
        return NetworkError(f"malformed HTTP response: {type(err).__name__}")
    if isinstance(err, TimeoutError):
        return NetworkError(f"i/o timeout while {stage}")
    return NetworkError(f"{stage}: {_words(err)}")


def _words(err: Exception) -> str:
    if isinstance(err, OSError) and err.strerror:
        return err.strerror.lower()
    return str(err) or type(err).__name__
