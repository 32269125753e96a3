"""One HTTP/1.1 connection to a registry, and the reply that is read from it.

http.client does the protocol; here are the sockets below it: dialled, tunnelled through a proxy,
wrapped in TLS, and shut down when the operation is cancelled. Bodies are read into the caller's
buffer, with one system call for what has come.
"""

from __future__ import annotations

import errno
import http.client
import os
import select
import socket
import ssl
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from baleen.distribution.routes import USER_AGENT, NetworkError, connect, words

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import IO

    from baleen.distribution.cancellation import Cancellation
    from baleen.distribution.routes import Route

__all__ = ["Connection", "FilePiece", "Reply"]


@dataclass(frozen=True, slots=True)
class FilePiece:
    """A part of a body that lies in a file: sent without being read where that can be."""

    file: IO[bytes]
    offset: int
    count: int


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
        self._sock = connect(route, cancel)
        self._http = _Plumbed(self._sock, route.host, route.port)
        self._binding = ExitStack()
        self.bind(cancel)

    def bind(self, cancel: Cancellation) -> None:
        """Be shut down by `cancel` from now on."""
        self._cancel = cancel
        self._binding.enter_context(cancel.on_cancel(self._interrupt))

    @property
    def is_stale(self) -> bool:
        """Whether the server has hung up, or said something unasked, since the last reply."""
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        return bool(poll.poll(0))

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
        # Else http.client believes that this one is still being read.
        self._response.close()
        return self._ended and self._reusable


def _failure(err: Exception, stage: str) -> NetworkError:
    if isinstance(err, http.client.RemoteDisconnected):
        return NetworkError("EOF")
    if isinstance(err, http.client.IncompleteRead):
        return NetworkError("unexpected EOF")
    if isinstance(err, http.client.HTTPException):
        return NetworkError(f"malformed HTTP response: {type(err).__name__}")
    if isinstance(err, ssl.SSLEOFError):
        return NetworkError("EOF")
    if isinstance(err, ssl.SSLError):
        # With TLS 1.3 a server refuses our certificate only behind the handshake.
        return NetworkError(f"tls: {(err.reason or words(err)).lower().replace('_', ' ')}")
    if isinstance(err, TimeoutError):
        return NetworkError(f"i/o timeout while {stage}")
    return NetworkError(f"{stage}: {words(err)}")
