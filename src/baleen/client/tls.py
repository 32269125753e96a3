"""TLS on a connected socket, with a real half-close; loaded only when an endpoint asks for it.

Records are decoded as they arrive, through memory buffers: OpenSSL's shutdown looks for the peer's
close_notify at once, and on a socket it would trip over data that is under way and lose it.
"""

from __future__ import annotations

import contextlib
import socket
import ssl

from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.client.endpoint import TlsOptions
    from baleen.client.models import JsonValue

__all__ = ["TlsStream", "wrap_tls"]

_RECORD = 16 * 1024
_READ_BYTES = 64 * 1024


class TlsStream(socket.socket):
    """A client's TLS stream with the methods of a socket; takes the raw socket over.

    Blocking and non-blocking as the socket is set. In non-blocking mode `send` may keep one record
    that did not fit; `unsent` tells so, `flush` tries again.
    """

    def __init__(self, raw: socket.socket, context: ssl.SSLContext, host: str) -> None:
        timeout = raw.gettimeout()
        super().__init__(fileno=raw.detach())
        self.settimeout(timeout)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._plain = bytearray()
        self._cipher = memoryview(b"")
        self._ended = False

    def handshake(self) -> None:
        """Shake hands; blocking."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self.flush()
                data = super().recv(_READ_BYTES)
                if not data:
                    raise ConnectionResetError("closed during the TLS handshake") from None
                self._incoming.write(data)
            except ssl.SSLError:
                # The alert says why; it is a courtesy.
                with contextlib.suppress(OSError):
                    self.flush()
                raise
            else:
                self.flush()
                return

    @property
    def unsent(self) -> bool:
        """Whether encrypted bytes wait for room in the socket."""
        return bool(self._cipher) or self._outgoing.pending > 0

    def flush(self) -> None:
        """Send what waits.

        Raises:
            BlockingIOError: not all of it fits now.
        """
        if self._outgoing.pending:
            self._cipher = memoryview(bytes(self._cipher) + self._outgoing.read())
        while self._cipher:
            self._cipher = self._cipher[super().send(self._cipher) :]

    def send(self, data: JsonValue, flags: int = 0) -> int:
        """Encrypt and send up to one record; how much of `data` that was."""
        self.flush()
        size = self._tls.write(memoryview(data)[:_RECORD])
        with contextlib.suppress(BlockingIOError):
            self.flush()
        return size

    def sendall(self, data: JsonValue, flags: int = 0) -> None:
        """Send everything; for blocking mode."""
        view = memoryview(data)
        while view:
            view = view[self.send(view) :]
        self.flush()

    def pending(self) -> int:
        """Bytes that are decoded and not yet read."""
        return len(self._plain)

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """Between 1 and `bufsize` bytes, or nothing at the peer's end."""
        while not self._plain and not self._ended:
            self._receive()
        data = bytes(self._plain[:bufsize])
        del self._plain[:bufsize]
        return data

    def recv_into(self, buffer: JsonValue, nbytes: int = 0, flags: int = 0) -> int:
        """`recv` into a buffer; how many bytes."""
        view = memoryview(buffer)
        data = self.recv(nbytes or len(view))
        view[: len(data)] = data
        return len(data)

    def _receive(self) -> None:
        data = super().recv(_READ_BYTES)
        if data:
            self._incoming.write(data)
        else:
            # Without close_notify too: the framing above knows whether something is missing.
            self._ended = True
        try:
            while piece := self._tls.read(_READ_BYTES):
                self._plain += piece
            self._ended = True
        except ssl.SSLWantReadError:
            pass
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            self._ended = True

    def close_write(self) -> None:
        """Send close_notify; reading goes on (RFC 8446 §6.1). Blocks until it is sent."""
        with contextlib.suppress(OSError):
            # Wants the peer's answer, which comes later; every record so far is decoded.
            self._tls.unwrap()
        blocking = self.getblocking()
        self.setblocking(True)
        try:
            with contextlib.suppress(OSError):
                self.flush()
        finally:
            self.setblocking(blocking)


def wrap_tls(stream: socket.socket, host: str, options: TlsOptions) -> TlsStream:
    """Shake hands as a client; takes `stream` over and closes it on failure.

    Raises:
        InvalidArgument: the certificate or key files are unusable.
        OSError: the handshake failed, for example because the server is not trusted.
    """
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if not options.verify:
            # `--tls` without `--tlsverify` is Docker's documented way to skip the check; the user
            # wrote it on the command line.
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif options.ca is not None:
            context.load_verify_locations(options.ca)
        else:
            context.load_default_certs()
        if options.cert is not None:
            context.load_cert_chain(options.cert, options.key)
    except OSError as err:
        stream.close()
        raise InvalidArgument(f"cannot use the TLS files for {host}: {err}") from err
    tls = TlsStream(stream, context, host)
    try:
        tls.handshake()
    except BaseException:
        tls.close()
        raise
    return tls
