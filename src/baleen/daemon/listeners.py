"""The sockets that the daemon listens on, with the rights they must have from their first moment.

A unix socket is bound under a hidden name, gets mode 0660 and its group, begins to listen, and
only then is renamed to its name: whatever the umask, nobody can connect before the rights are
right, and a stale socket is replaced atomically. One that somebody listens on is left alone.

A TCP address gives whoever reaches it root on this host, so it needs client certificates
(`--tlsverify`), or a flag whose name says what it does.

See: unix(7); tests/security/README.md, cases D01 and D02.
"""

from __future__ import annotations

import grp
import logging
import os
import re
import socket
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from baleen.errors import AlreadyExists, InvalidArgument

if TYPE_CHECKING:
    from baleen.daemon.config import Config

__all__ = [
    "Address",
    "check_hosts",
    "open_listeners",
    "open_unix",
    "parse_address",
    "resolve_group",
]

_log = logging.getLogger(__name__)

_MODE = 0o660
_MAX_PATH = 100
_FIRST_PASSED_FD = 3
_TCP = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z_.-]*)(?::([0-9]{1,5}))?/?")
_PORT, _TLS_PORT = 2375, 2376


@dataclass(frozen=True, slots=True)
class Address:
    """One `--host`: scheme unix, tcp or fd; a path, or host and port."""

    scheme: str
    path: str = ""
    host: str = ""
    port: int = 0


def parse_address(text: str, *, tls: bool) -> Address:
    """Return the address that a `--host` names; raises InvalidArgument."""
    scheme, separator, rest = text.partition("://")
    if separator and scheme == "unix":
        path = rest or "/var/run/baleen.sock"
        if not path.startswith("/") or len(path.encode()) > _MAX_PATH or "\0" in path:
            raise InvalidArgument(f"invalid address {text[:128]!r}: not an absolute, short path")
        return Address("unix", path=path)
    if separator and scheme == "fd":
        return Address("fd")
    if separator and scheme == "tcp":
        match = _TCP.fullmatch(rest)
        port = int(match[2]) if match is not None and match[2] else _TLS_PORT if tls else _PORT
        if match is not None and port < 65536:
            return Address("tcp", host=match[1].strip("[]") or "localhost", port=port)
    raise InvalidArgument(f"invalid address {text[:128]!r}: want unix://, tcp:// or fd://")


def resolve_group(name: str) -> int:
    """Return the gid for the unix socket: the named group, else docker's or baleen's, else 0.

    Raises InvalidArgument when a group that was asked for does not exist.
    """
    if name.isascii() and name.isdigit():
        return int(name)
    for candidate in [name] if name else ["docker", "baleen"]:
        try:
            return grp.getgrnam(candidate).gr_gid
        except KeyError:
            if name:
                raise InvalidArgument(f"group {name!r} does not exist") from None
    return 0


def open_unix(path: str, gid: int) -> socket.socket:
    """Return a socket that listens at `path`, mode 0660, owned by root and `gid`.

    Raises:
        AlreadyExists: somebody listens there, or it is not a socket.
        OSError: the directory is missing or not writable.
    """
    _refuse_taken(path)
    target = Path(path)
    hidden = target.with_name(f".{target.name}.new")
    hidden.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(hidden))
        os.chown(hidden, os.geteuid(), gid)
        hidden.chmod(_MODE)
        listener.listen(1024)
        hidden.rename(target)
    except BaseException:
        listener.close()
        hidden.unlink(missing_ok=True)
        raise
    listener.setblocking(False)
    return listener


def _refuse_taken(path: str) -> None:
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise AlreadyExists(f"cannot listen on {path!r}: it exists and is no socket")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            return
        except OSError as err:
            raise AlreadyExists(f"cannot listen on {path!r}: {err.strerror}") from err
    raise AlreadyExists(f"cannot listen on {path!r}: another daemon listens there")


def _open_tcp(address: Address) -> list[socket.socket]:
    listeners: list[socket.socket] = []
    try:
        for family, kind, protocol, _, where in socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            listener = socket.socket(family, kind, protocol)
            listeners.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(where)
            listener.listen(1024)
            listener.setblocking(False)
    except OSError as err:
        for listener in listeners:
            listener.close()
        raise InvalidArgument(
            f"cannot listen on tcp://{address.host}:{address.port}: {err.strerror or err}"
        ) from err
    return listeners


def _passed() -> list[socket.socket]:
    """Return the sockets that systemd passed. See: sd_listen_fds(3)."""
    count = os.environ.get("LISTEN_FDS", "")
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or not count.isdigit():
        raise InvalidArgument("no sockets found via socket activation: start with systemd")
    listeners = []
    for number in range(_FIRST_PASSED_FD, _FIRST_PASSED_FD + int(count)):
        os.set_inheritable(number, False)
        listener = socket.socket(fileno=number)
        listener.setblocking(False)
        listeners.append(listener)
    return listeners


def check_hosts(config: Config) -> list[Address]:
    """Return the configured addresses, before anything is made on the host.

    Raises InvalidArgument: one is malformed, or would give root away.
    """
    use_tls = config.tls or config.tlsverify
    addresses = [parse_address(text, tls=use_tls) for text in config.hosts]
    is_open = not config.tlsverify and not config.insecure_plain_tcp_without_authentication
    if is_open and any(address.scheme == "tcp" for address in addresses):
        raise InvalidArgument(
            "refusing to listen on a TCP address without client authentication: whoever reaches "
            "it becomes root on this host; use --tlsverify, or ssh to the unix socket"
        )
    return addresses


def open_listeners(config: Config) -> tuple[list[socket.socket], list[str]]:
    """Return (listening sockets, paths to remove at the end).

    Raises InvalidArgument, AlreadyExists; then nothing is left open.
    """
    addresses = check_hosts(config)
    if any(address.scheme == "tcp" for address in addresses) and not config.tlsverify:
        _log.warning("the API is open on TCP without authentication: anybody can become root here")
    listeners: list[socket.socket] = []
    paths: list[str] = []
    try:
        for address in addresses:
            if address.scheme == "unix":
                listeners.append(open_unix(address.path, resolve_group(config.group)))
                paths.append(address.path)
            elif address.scheme == "tcp":
                listeners += _open_tcp(address)
            else:
                listeners += _passed()
    except BaseException:
        for listener in listeners:
            listener.close()
        for path in paths:
            Path(path).unlink(missing_ok=True)
        raise
    return listeners, paths
