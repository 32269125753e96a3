"""Which engine a command talks to.

Order, first wins: `-H`, `--context`, BALEEN_HOST, DOCKER_HOST, DOCKER_CONTEXT, the current context
of the configuration file, `$XDG_RUNTIME_DIR/baleen.sock` (the user's own engine, without root),
`/var/run/baleen.sock`, `/var/run/docker.sock`.
"""

from __future__ import annotations

import os

from baleen.client.endpoint import Endpoint, TlsOptions, parse_host
from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HostFlags", "config_directory", "select_endpoint"]

_DEFAULT_SOCKETS = ("/var/run/baleen.sock", "/var/run/docker.sock")


class HostFlags:
    """What the command line says about the engine; empty strings and None where it says nothing."""

    __slots__ = ("config", "context", "host", "tls", "tlscacert", "tlscert", "tlskey", "tlsverify")

    def __init__(self) -> None:
        self.host = ""
        self.context = ""
        self.config = ""
        self.tls = False
        self.tlsverify: bool | None = None
        self.tlscacert = ""
        self.tlscert = ""
        self.tlskey = ""


def config_directory(flags: HostFlags, environ: Mapping[str, str]) -> str:
    """The folder of `config.json` and the contexts."""
    return flags.config or environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")


def select_endpoint(flags: HostFlags, environ: Mapping[str, str]) -> Endpoint:
    """The endpoint that flags, environment and configuration name together.

    Raises:
        InvalidArgument: contradictory flags or an unusable host.
        NotFound: a named context does not exist.
    """
    if flags.host and flags.context:
        raise InvalidArgument(
            "conflicting options: cannot specify both --host and --context",
        )
    if flags.host:
        return parse_host(flags.host, tls=_tls_options(flags, environ))
    context = flags.context
    if not context:
        host = environ.get("BALEEN_HOST") or environ.get("DOCKER_HOST")
        if host:
            return parse_host(host, tls=_tls_options(flags, environ))
        context = environ.get("DOCKER_CONTEXT", "")
    directory = config_directory(flags, environ)
    if not context and os.path.exists(f"{directory}/config.json"):
        from baleen.client.contexts import current_context

        context = current_context(directory)
    if context and context != "default":
        from baleen.client.contexts import context_endpoint

        return context_endpoint(directory, context)
    runtime = environ.get("XDG_RUNTIME_DIR")
    own = (f"{runtime}/baleen.sock",) if runtime else ()
    for path in (*own, *_DEFAULT_SOCKETS):
        if os.path.exists(path):
            return Endpoint("unix", path=path)
    return Endpoint("unix", path=_DEFAULT_SOCKETS[0])


def _tls_options(flags: HostFlags, environ: Mapping[str, str]) -> TlsOptions | None:
    """TLS as `--tls*`, DOCKER_TLS, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH say; None for plain."""
    verify = flags.tlsverify
    if verify is None:
        verify = bool(environ.get("DOCKER_TLS_VERIFY"))
    named = flags.tlscacert or flags.tlscert or flags.tlskey
    if not (verify or flags.tls or named or environ.get("DOCKER_TLS")):
        return None
    directory = environ.get("DOCKER_CERT_PATH") or config_directory(flags, environ)

    def file(flag: str, name: str) -> str | None:
        path = flag or f"{directory}/{name}"
        return path if flag or os.path.exists(path) else None

    ca = file(flags.tlscacert, "ca.pem")
    if verify and ca is None:
        raise InvalidArgument(
            f"cannot verify the engine's certificate: {directory}/ca.pem does not exist",
            hint="name the authority with --tlscacert or DOCKER_CERT_PATH",
        )
    return TlsOptions(
        ca=ca,
        cert=file(flags.tlscert, "cert.pem"),
        key=file(flags.tlskey, "key.pem"),
        verify=verify,
    )
