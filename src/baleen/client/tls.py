"""TLS on a connected socket; loaded only when an endpoint asks for it."""

from __future__ import annotations

import ssl

from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from baleen.client.endpoint import TlsOptions
    from baleen.client.models import JsonValue

__all__ = ["wrap_tls"]


class _TlsStream(ssl.SSLSocket):
    """Reports the peer's close_notify as the end, also after ours was sent.

    CPython raises SSLZeroReturnError instead of an empty read once both directions are closed.
    """

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        try:
            return super().recv(buflen, flags)
        except ssl.SSLZeroReturnError:
            return b""

    def recv_into(self, buffer: JsonValue, nbytes: int | None = None, flags: int = 0) -> int:
        try:
            return super().recv_into(buffer, nbytes, flags)
        except ssl.SSLZeroReturnError:
            return 0


def wrap_tls(stream: socket.socket, host: str, options: TlsOptions) -> ssl.SSLSocket:
    """Shake hands as a client; takes `stream` over and closes it on failure.

    Raises:
        InvalidArgument: the certificate or key files are unusable.
        ssl.SSLError: the handshake failed, for example because the server is not trusted.
    """
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.sslsocket_class = _TlsStream
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
    try:
        return context.wrap_socket(stream, server_hostname=host)
    except BaseException:
        stream.close()
        raise
