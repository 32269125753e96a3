"""Where an engine listens: the value behind `-H`, DOCKER_HOST and contexts.

See: docker.md, "Specify daemon host (-H, --host)".
"""

from __future__ import annotations

from baleen.errors import InvalidArgument

__all__ = ["Endpoint", "TlsOptions", "parse_host"]

_TCP_PORT = 2375
_TLS_PORT = 2376


class TlsOptions:
    """Files and policy for a TLS connection.

    Attributes:
        ca: certificate authorities to trust, or None for the system's.
        cert: client certificate chain, or None.
        key: client key, or None.
        verify: whether the server's certificate and name are checked.
    """

    __slots__ = ("ca", "cert", "key", "verify")

    def __init__(
        self, *, ca: str | None, cert: str | None, key: str | None, verify: bool = True
    ) -> None:
        self.ca = ca
        self.cert = cert
        self.key = key
        self.verify = verify


class Endpoint:
    """One address of an engine.

    Attributes:
        scheme: "unix", "tcp" or "ssh".
        path: the socket's path (unix), or the remote socket's path (ssh; empty: its default).
        host: the host name (tcp, ssh).
        port: the port (tcp, ssh; 0: ssh's default).
        user: the remote user (ssh; empty: ssh's default).
        tls: set when the TCP connection is TLS.
    """

    __slots__ = ("host", "path", "port", "scheme", "tls", "user")

    def __init__(
        self,
        scheme: str,
        *,
        path: str = "",
        host: str = "",
        port: int = 0,
        user: str = "",
        tls: TlsOptions | None = None,
    ) -> None:
        self.scheme = scheme
        self.path = path
        self.host = host
        self.port = port
        self.user = user
        self.tls = tls

    def __str__(self) -> str:
        if self.scheme == "unix":
            return f"unix://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        user = f"{self.user}@" if self.user else ""
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{user}{host}{port}{self.path}"


def parse_host(text: str, *, tls: TlsOptions | None = None) -> Endpoint:
    """The endpoint that `text` names: `unix://PATH`, `tcp://HOST[:PORT]`, `ssh://[USER@]HOST`.

    Raises:
        InvalidArgument: another scheme, no host, a bad port, a name that ssh would take as a flag.
    """
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "tcp", text
    if scheme == "unix":
        if "\0" in rest:
            raise InvalidArgument(f'invalid host "{text}": NUL in a path')
        return Endpoint("unix", path=rest or "/var/run/docker.sock")
    if scheme in {"http", "https"}:
        raise InvalidArgument(
            f'invalid host "{text}"', hint="use tcp://, with --tlsverify if it is TLS"
        )
    if scheme not in {"tcp", "ssh"}:
        raise InvalidArgument(
            f'invalid host "{text}": unsupported scheme "{scheme}"',
            hint="use unix://, tcp:// or ssh://",
        )
    authority, slash, tail = rest.partition("/")
    user, at, address = authority.rpartition("@")
    host, port = _split_port(text, address)
    if scheme == "tcp":
        if at or (slash and tail):
            raise InvalidArgument(f'invalid host "{text}": expected tcp://HOST:PORT')
        return Endpoint("tcp", host=host, port=port or (_TLS_PORT if tls else _TCP_PORT), tls=tls)
    if ":" in user:
        raise InvalidArgument("invalid ssh host: a plain-text password is not supported")
    if user.startswith("-") or host.startswith("-"):
        raise InvalidArgument(f'invalid host "{text}": a name may not begin with "-"')
    return Endpoint("ssh", host=host, port=port, user=user, path=f"/{tail}" if tail else "")


def _split_port(text: str, address: str) -> tuple[str, int]:
    """Host and port (0 if absent) of `HOST[:PORT]`, where an IPv6 host is in brackets."""
    if address.startswith("["):
        host, bracket, rest = address[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise InvalidArgument(f'invalid host "{text}": unbalanced brackets')
        port_text = rest[1:]
    else:
        host, _, port_text = address.partition(":")
    if not host and text.partition("://")[0] != "ssh":
        host = "localhost"
    if not host or any(c.isspace() or c in "\0\\%?#" for c in host):
        raise InvalidArgument(f'invalid host "{text}": bad host name')
    if not port_text:
        return host, 0
    if not (port_text.isascii() and port_text.isdigit() and len(port_text) <= 5):
        raise InvalidArgument(f'invalid host "{text}": bad port "{port_text}"')
    port = int(port_text)
    if not 0 < port < 65536:
        raise InvalidArgument(f'invalid host "{text}": bad port "{port_text}"')
    return host, port
