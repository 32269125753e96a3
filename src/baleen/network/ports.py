"""Host ports: which are ours, and real sockets that keep them from everybody else.

A published port is reached by a firewall element, not through a socket. The socket is a
reservation: bound, so that no program of the host takes the port (it would never get a packet),
and that we learn when one has it. It does not listen, so nothing can connect to it.
"""

from __future__ import annotations

import errno
import os
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from baleen.errors import Internal
from baleen.network.network import Published, PublishedPort

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from baleen.network.network import PortRequest
    from baleen.rootless.port_client import PortClient

__all__ = ["PortAllocator", "ephemeral_range"]

_ANY: Final = "0.0.0.0"  # noqa: S104  # Docker's "every address"
_EPHEMERAL_DEFAULT: Final = (49153, 65535)  # RFC 6335; when the host does not tell its own
_KINDS: Final = {
    "tcp": (socket.SOCK_STREAM, socket.IPPROTO_TCP),
    "udp": (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
    "sctp": (socket.SOCK_STREAM, socket.IPPROTO_SCTP),
}

# (protocol, port) -> host addresses on which it is ours
_Taken = dict[tuple[str, int], set[str]]


class PortAllocator:
    """Reserves host ports of the current network namespace; lives in memory.

    Raises (its methods), in Docker's words and like Docker as a 500:
        Internal: the port is taken, by a container of ours or by another program.
    """

    def __init__(self, ephemeral: tuple[int, int], forwarder: PortClient | None = None) -> None:
        """`ephemeral`: first and last port for requests that leave the choice to us.

        With a `forwarder` ports are its host's, and the sockets are its leases.
        """
        self._forwarder = forwarder
        self._first, self._last = ephemeral
        self._next = self._first
        self._taken: _Taken = {}

    def reserve(self, requests: Sequence[PortRequest], *, address: str, binding: str) -> Published:
        """Reserve a port for every request, or none. `binding` stands for an empty host_ip.

        `address` is the endpoint's, for messages.
        """
        ports: list[PublishedPort] = []
        sockets: list[socket.socket] = []
        with ExitStack() as undo:
            for request in requests:
                host_ip = request.host_ip or binding
                held, number = self._reserve_one(request, host_ip, address)
                undo.enter_context(held)
                port = PublishedPort(
                    protocol=request.protocol,
                    container_port=request.container_port,
                    host_ip=host_ip,
                    host_port=number,
                )
                self.adopt([port])
                undo.callback(self.release, [port])
                ports.append(port)
                sockets.append(held)
            undo.pop_all()
        return Published(tuple(ports), tuple(sockets))

    def _reserve_one(
        self, request: PortRequest, host_ip: str, address: str
    ) -> tuple[socket.socket, int]:
        first = request.host_port_first
        last = max(request.host_port_last, first)
        if first and first == last:
            if self._is_taken(request.protocol, host_ip, first):
                raise Internal(f"Bind for {host_ip}:{first} failed: port is already allocated")
            try:
                return self._bind(request, host_ip, first, address), first
            except OSError as err:
                raise self._cannot_bind(request, host_ip, first, address, err) from err
        for port in self._candidates(first, last):
            if self._is_taken(request.protocol, host_ip, port):
                continue
            try:
                return self._bind(request, host_ip, port, address), port
            except OSError as err:
                if err.errno != errno.EADDRINUSE:
                    raise self._cannot_bind(request, host_ip, port, address, err) from err
        # Docker reports a used-up range with its first port, a used-up ephemeral range in words.
        if first:
            raise Internal(f"Bind for {host_ip}:{first} failed: port is already allocated")
        raise Internal("all ports are allocated")

    def _bind(self, request: PortRequest, host_ip: str, port: int, address: str) -> socket.socket:
        if self._forwarder is None:
            return _bind(request.protocol, host_ip, port)
        if request.protocol == "sctp":
            raise OSError(errno.EPROTONOSUPPORT, os.strerror(errno.EPROTONOSUPPORT))
        return self._forwarder.publish(
            request.protocol, (host_ip, port), (address, request.container_port)
        )

    def move(self, ports: Iterable[PublishedPort], address: str) -> None:
        """Let the forwarder, if there is one, lead ports to another address (OSError)."""
        if self._forwarder is not None:
            for port in ports:
                self._forwarder.move(
                    port.protocol, (port.host_ip, port.host_port), (address, port.container_port)
                )

    def _candidates(self, first: int, last: int) -> Iterator[int]:
        """The ports of a range, or all ephemeral ones, starting behind the last one chosen."""
        if first:
            yield from range(first, last + 1)
            return
        size = self._last - self._first + 1
        start = self._next
        for step in range(size):
            port = self._first + (start - self._first + step) % size
            self._next = port + 1 if port < self._last else self._first
            yield port

    def _is_taken(self, protocol: str, host_ip: str, port: int) -> bool:
        """Whether a container of ours has it; every address includes each single one."""
        addresses = self._taken.get((protocol, port))
        if not addresses:
            return False
        return host_ip == _ANY or host_ip in addresses or _ANY in addresses

    def _cannot_bind(
        self, request: PortRequest, host_ip: str, port: int, address: str, err: OSError
    ) -> Internal:
        reason = {
            errno.EADDRINUSE: "address already in use",
            errno.EADDRNOTAVAIL: "cannot assign requested address",
            errno.EACCES: "permission denied",
        }.get(err.errno or 0, str(err.strerror))
        if err.errno == errno.EACCES and self._forwarder is not None:
            reason += (
                ": ports below the sysctl net.ipv4.ip_unprivileged_port_start are not for "
                "ordinary users"
            )
        return Internal(
            f"failed to bind host port for {host_ip}:{port}:{address}:"
            f"{request.container_port}/{request.protocol}: {reason}"
        )

    def adopt(self, ports: Iterable[PublishedPort]) -> None:
        """Note ports that are held by a supervisor already."""
        for port in ports:
            self._taken.setdefault((port.protocol, port.host_port), set()).add(port.host_ip)

    def release(self, ports: Iterable[PublishedPort]) -> None:
        """Forget ports; idempotent. Their sockets are closed elsewhere."""
        for port in ports:
            key = (port.protocol, port.host_port)
            addresses = self._taken.get(key, set())
            addresses.discard(port.host_ip)
            if not addresses:
                self._taken.pop(key, None)


def ephemeral_range(path: Path) -> tuple[int, int]:
    """Read the host's range for automatic ports, /proc/sys/net/ipv4/ip_local_port_range."""
    try:
        first, last = path.read_text().split()
        return int(first), int(last)
    except (FileNotFoundError, ValueError):
        return _EPHEMERAL_DEFAULT


def _bind(protocol: str, host_ip: str, port: int) -> socket.socket:
    """Return a socket that owns the port against all others.

    Without SO_REUSEADDR first: two sockets that both have it may share a port while none listens,
    so it would reserve nothing. But then connections in TIME_WAIT are in the way; with the option
    they are not, and a listening socket excludes others again.
    """
    kind, number = _KINDS[protocol]
    held = socket.socket(socket.AF_INET, kind | socket.SOCK_CLOEXEC, number)
    # What the firewall does not redirect (a broadcast to a UDP port) must not pile up here.
    held.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    try:
        try:
            held.bind((host_ip, port))
        except OSError as err:
            if err.errno != errno.EADDRINUSE or kind != socket.SOCK_STREAM:
                raise
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.bind((host_ip, port))
            held.listen(0)
    except BaseException:
        held.close()
        raise
    return held
