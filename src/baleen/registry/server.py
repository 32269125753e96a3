"""Serving a registry: one process, one listening socket, until SIGTERM or SIGINT.

uvicorn speaks HTTP (ADR 14). After the signal nothing new is accepted; what is under way has
`http.draintimeout` to end.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from baleen.errors import InvalidArgument, Unavailable
from baleen.registry.configuration import seconds

if TYPE_CHECKING:
    import uvicorn

    from baleen.registry.messages import Asgi
    from baleen.registry.settings import Http, Settings

__all__ = ["bind", "serve", "serve_application"]

log = logging.getLogger(__name__)

_KEEP_ALIVE_S = 120
_LEVELS = {"debug": 10, "info": 20, "warn": 30, "warning": 30, "error": 40, "fatal": 50}


def serve(settings: Settings) -> int:
    """Serve a registry until a signal; return the exit code.

    Raises:
        InvalidArgument, Unavailable: it cannot start as configured.
    """
    from baleen.registry.assembly import assemble

    application, _ = assemble(settings)
    deletion = "on" if settings.delete_enabled else "off"
    what = f"registry with data in {settings.storage.root}, deletion {deletion}"
    return serve_application(application, settings, what)


def serve_application(application: Asgi, settings: Settings, what: str) -> int:
    """Serve `application` as `http` says; `what` it is goes into the log.

    Raises:
        InvalidArgument, Unavailable: it cannot start as configured.
    """
    import uvicorn

    from baleen.registry.connection import Connection
    from baleen.registry.wiring import make_tls

    _log_to_stderr(settings.log_level)
    context = make_tls(settings)
    drain_s = round(seconds(settings.http.draintimeout, "http.draintimeout"))
    with bind(settings.http) as listener:
        config = uvicorn.Config(
            application,
            loop="asyncio",
            http=Connection,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            # Nothing that a client says about itself is believed (G14).
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=drain_s,
            ssl_context_factory=None if context is None else lambda _config, _default: context,
        )
        server = uvicorn.Server(config)
        _end_on_signals(server)
        # Said before the first connection is taken, but the queue of the socket takes it already.
        scheme = "http" if context is None else "https"
        log.info("%s on %s, %s", what, _name(listener), scheme)
        try:
            server.run(sockets=[listener])
        except SystemExit:
            # uvicorn's way out when the application did not start; it has said why.
            return 1
        return 0 if server.started else 1


def _end_on_signals(server: uvicorn.Server) -> None:
    def end(*_: object) -> None:
        server.should_exit = True

    # uvicorn takes the signals while it serves, and raises them once more when it is done: with
    # the default handlers that would be the end of us, with another exit code than 0.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)


def bind(http: Http) -> socket.socket:
    """Return a listening socket for `addr`; without a host it is on all addresses, IPv6 too.

    Raises:
        InvalidArgument: no `HOST:PORT`.
        Unavailable: the address is taken or not ours.
    """
    try:
        if http.net == "unix":
            return _bind_unix(http.addr)
        host, colon, port = http.addr.rpartition(":")
        if not colon or not (port.isascii() and port.isdigit() and int(port) < 1 << 16):
            raise InvalidArgument(f"http.addr: {http.addr!r} is no HOST:PORT")
        host = host.removeprefix("[").removesuffix("]")
        if not host and socket.has_dualstack_ipv6():
            return socket.create_server(
                ("", int(port)), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024
            )
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, int(port)), family=family, backlog=1024)
    except OSError as err:
        raise Unavailable(f"cannot listen on {http.addr}: {err.strerror or err}") from err


def _bind_unix(path: str) -> socket.socket:
    Path(path).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    os.chmod(path, 0o660)  # noqa: PTH101  # beside bind
    return listener


def _name(listener: socket.socket) -> str:
    name = listener.getsockname()
    return name if isinstance(name, str) else f"{name[0]} port {name[1]}"


def _log_to_stderr(level: str) -> None:
    if level.lower() not in _LEVELS:
        raise InvalidArgument(f"log.level: {level!r} is none of {', '.join(_LEVELS)}")
    logging.basicConfig(
        stream=sys.stderr,
        level=_LEVELS[level.lower()],
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        force=True,
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    """Keep out what each client causes that tries TLS first, as Docker does with localhost."""
    is_usual = record.msg == "Invalid HTTP request received."
    return not is_usual or log.isEnabledFor(logging.DEBUG)
