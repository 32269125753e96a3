"""TLS around a connection, with half-close: asyncio's own layer ends both directions at once.

An attached client that has no more input says so by closing its sending direction
(close_notify), and still wants the output; Go's TLS does that. So TLS is done here on memory
buffers. A hijacked TLS connection cannot be given away as a descriptor; `relay` gives one end of
a socket pair instead and pumps between the two, with back-pressure and half-close.

Imported only when TLS is configured: `ssl` takes memory that the daemon can do without.

See: RFC 8446 section 6.1; Engine API, TLS protection of the daemon socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from typing import TYPE_CHECKING, cast

from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.daemon.config import Config

__all__ = ["TlsProtocol", "server_context", "wrapper"]

_log = logging.getLogger(__name__)

_HANDSHAKE_S = 10.0
_READ_BYTES = 64 << 10


def server_context(config: Config) -> ssl.SSLContext:
    """Return the context for the configured files; raises InvalidArgument when they are bad."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(config.tlscert, config.tlskey)
        if config.tlsverify:
            context.load_verify_locations(config.tlscacert)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as err:
        raise InvalidArgument(
            f"cannot use the TLS files {config.tlscert!r}, {config.tlskey!r}, "
            f"{config.tlscacert!r}: {err.strerror or err}"
        ) from err
    return context


class TlsProtocol(asyncio.Protocol):
    """The raw connection's protocol; `inner` sees only what was inside TLS."""

    def __init__(self, context: ssl.SSLContext, inner: asyncio.Protocol) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._inner = inner
        self._raw: asyncio.Transport
        self._ready = False
        self._paused = False
        self._peer_done = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the client's hello, but not for ever."""
        self._raw = cast("asyncio.Transport", transport)
        self._timer = asyncio.get_running_loop().call_later(_HANDSHAKE_S, self._raw.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass it on."""
        if self._timer is not None:
            self._timer.cancel()
        if self._ready:
            self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Decrypt and pass on."""
        self._incoming.write(data)
        if not self._ready and not self._shake_hands():
            return
        self.read()

    def eof_received(self) -> bool:
        """End the inner reading; what is being written goes on."""
        if not self._ready:
            return False
        return self._end_of_input()

    def pause_writing(self) -> None:
        """Pass it on."""
        if self._ready:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        if self._ready:
            self._inner.resume_writing()

    def _shake_hands(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        except ssl.SSLError as err:
            self._flush()  # the alert
            _log.debug("TLS handshake failed", extra={"error": err.reason or str(err)})
            self._raw.close()
            return False
        self._flush()
        self._ready = True
        if self._timer is not None:
            self._timer.cancel()
        self._inner.connection_made(_TlsTransport(self))
        return True

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._raw.write(self._outgoing.read())

    # --- what the transport that the inner protocol holds does

    def read(self) -> None:
        """Decrypt what is there, until the inner protocol does not want more."""
        try:
            while not self._paused and not self._raw.is_closing():
                data = self._tls.read(_READ_BYTES)
                if not data:
                    self._end_of_input()
                    return
                self._inner.data_received(data)
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLZeroReturnError:
            self._end_of_input()
        except ssl.SSLError as err:
            _log.debug("TLS connection broken", extra={"error": err.reason or str(err)})
            self._raw.abort()

    def _end_of_input(self) -> bool:
        if self._peer_done:
            return True
        self._peer_done = True
        if not self._inner.eof_received():
            self.close()
            return False
        return True

    def write(self, data: bytes) -> None:
        """Encrypt and send."""
        if data and not self._raw.is_closing():
            self._tls.write(data)
            self._flush()

    def close(self) -> None:
        """Say goodbye and close when everything is sent."""
        if not self._raw.is_closing():
            with contextlib.suppress(ssl.SSLError):
                self._tls.unwrap()
            self._flush()
            self._raw.close()

    def pause(self) -> None:
        """Stop reading."""
        self._paused = True
        self._raw.pause_reading()

    def resume(self) -> None:
        """Read on, beginning with what is decrypted already."""
        self._paused = False
        if not self._raw.is_closing():
            self._raw.resume_reading()
            asyncio.get_running_loop().call_soon(self.read)

    async def relay(self, early: bytes) -> tuple[int, bytes]:
        """Pump between this connection and a socket; return (its descriptor, early bytes)."""
        self.pause()  # what comes while the pair is made must not go to the old protocol
        ours, theirs = socket.socketpair()
        try:
            ours.setblocking(False)
            near = _Near(self)
            await asyncio.get_running_loop().create_unix_connection(lambda: near, sock=ours)
        except BaseException:
            ours.close()
            theirs.close()
            raise
        self._inner = _Far(near)
        self._raw.set_write_buffer_limits()
        if self._peer_done:
            near.transport.write_eof()
        self.resume()
        return theirs.detach(), early

    @property
    def raw(self) -> asyncio.Transport:
        """The transport below."""
        return self._raw


class _TlsTransport(asyncio.Transport):
    """What the inner protocol writes to."""

    def __init__(self, protocol: TlsProtocol) -> None:
        super().__init__()
        self._protocol = protocol
        self.relay = protocol.relay

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._protocol.write(bytes(data))

    def can_write_eof(self) -> bool:
        return False

    def close(self) -> None:
        self._protocol.close()

    def abort(self) -> None:
        self._protocol.raw.abort()

    def is_closing(self) -> bool:
        return self._protocol.raw.is_closing()

    def pause_reading(self) -> None:
        self._protocol.pause()

    def resume_reading(self) -> None:
        self._protocol.resume()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._protocol.raw.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        return self._protocol.raw.get_write_buffer_size()

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self._protocol.raw.get_extra_info(name, default)


class _Near(asyncio.Protocol):
    """Our end of the socket pair: what comes from there goes into TLS."""

    def __init__(self, tls: TlsProtocol) -> None:
        self._tls = tls
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._tls.write(data)

    def eof_received(self) -> bool:
        self._tls.close()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._tls.close()

    def pause_writing(self) -> None:
        self._tls.pause()

    def resume_writing(self) -> None:
        self._tls.resume()


class _Far(asyncio.Protocol):
    """The client, behind TLS: what comes from there goes into the socket pair."""

    def __init__(self, near: _Near) -> None:
        self._near = near

    def data_received(self, data: bytes) -> None:
        self._near.transport.write(data)

    def eof_received(self) -> bool:
        if not self._near.transport.is_closing():
            self._near.transport.write_eof()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._near.transport.close()

    def pause_writing(self) -> None:
        self._near.transport.pause_reading()

    def resume_writing(self) -> None:
        self._near.transport.resume_reading()


def wrapper(context: ssl.SSLContext) -> Callable[[asyncio.Protocol], asyncio.Protocol]:
    """Return the function that puts TLS around a connection."""
    return lambda inner: TlsProtocol(context, inner)
