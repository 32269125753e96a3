"""Copying between a socket of the host's network and one of the namespaces': TCP and UDP.

The listening socket was made in the host's network, the connection to the container is made here,
in the namespaces' own; so the container sees its bridge's address as the source, never 127.0.0.1
(CVE-2021-20199). TCP is spliced through pipes, without passing through this process; each
direction ends by itself (half-close), and a slow receiver slows the sender.

See: splice(2), tcp(7), udp(7).
"""

from __future__ import annotations

import errno
import os
import socket
from contextlib import suppress
from select import EPOLLET, EPOLLIN, EPOLLOUT
from typing import TYPE_CHECKING, Final

from baleen.linux.splice import SPLICE_F_MOVE, SPLICE_F_NONBLOCK, splice

if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.runtime.poller import Deadline, Poller

__all__ = ["TcpRelay", "UdpRelay"]

MAX_CONNECTIONS: Final = 4096
"""Of one port; further ones wait in the kernel's queue, then are refused."""
MAX_PEERS: Final = 1024
"""Senders to one UDP port that are remembered; the one that was silent longest is forgotten."""
_IDLE_S: Final = 90.0
_CONNECT_S: Final = 30.0
_PIECE: Final = 1 << 16
_PIECES_AT_ONCE: Final = 32
_DATAGRAM: Final = 65535
_NOW: Final = SPLICE_F_MOVE | SPLICE_F_NONBLOCK

Target = tuple[str, int]


class TcpRelay:
    """One published TCP port. Owns the listening socket and all connections."""

    def __init__(self, poller: Poller, listener: socket.socket, target: Target) -> None:
        self.target = target
        self._poller = poller
        self._listener = listener
        self._connections: set[_Connection] = set()
        self._is_full = False
        listener.setblocking(False)
        poller.add(listener.fileno(), EPOLLIN, self._on_client)

    def _on_client(self, _events: int) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:  # it has gone again; or no descriptor is left, and it waits
            return
        try:
            connection = _Connection(self._poller, client, self.target, self._forget)
        except OSError:
            client.close()  # nobody there: the client sees its connection end
            return
        self._connections.add(connection)
        if len(self._connections) >= MAX_CONNECTIONS:
            self._is_full = True
            self._poller.modify(self._listener.fileno(), 0)

    def _forget(self, connection: _Connection) -> None:
        self._connections.discard(connection)
        if self._is_full:
            self._is_full = False
            self._poller.modify(self._listener.fileno(), EPOLLIN)

    def close(self) -> None:
        """Stop listening, and end what is connected."""
        self._poller.remove(self._listener.fileno())
        self._listener.close()
        self._is_full = False
        for connection in list(self._connections):
            connection.close()


class _Direction:
    """Bytes from `source` to `sink` through a pipe that holds `waiting` of them."""

    __slots__ = ("ended", "pipe", "sink", "source", "waiting")

    def __init__(self, source: socket.socket, sink: socket.socket) -> None:
        self.source = source
        self.sink = sink
        self.pipe = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.waiting = 0
        self.ended = False

    def move(self) -> bool:
        """Move what can be moved now, within a limit; returns whether there may be more."""
        for _ in range(_PIECES_AT_ONCE):
            if self.ended:
                return False
            if self.waiting == 0:
                try:
                    self.waiting = splice(self.source.fileno(), self.pipe[1], _PIECE, _NOW)
                except BlockingIOError:
                    return False
                if self.waiting == 0:
                    self.ended = True
                    with suppress(OSError):
                        self.sink.shutdown(socket.SHUT_WR)
                    return False
            try:
                self.waiting -= splice(self.pipe[0], self.sink.fileno(), self.waiting, _NOW)
            except BlockingIOError:
                return False
        return True

    def close(self) -> None:
        for fd in self.pipe:
            os.close(fd)


class _Connection:
    """A client and the container, and both directions between them."""

    def __init__(
        self,
        poller: Poller,
        client: socket.socket,
        target: Target,
        on_end: Callable[[_Connection], None],
    ) -> None:
        """Raises OSError; `client` is ours only if it does not."""
        self._poller = poller
        self._on_end = on_end
        server = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            server.setblocking(False)
            client.setblocking(False)
            for side in (client, server):
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                side.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            number = server.connect_ex(target)
            if number not in (0, errno.EINPROGRESS):
                raise OSError(number, os.strerror(number))
            self._directions = [_Direction(client, server)]
            try:
                self._directions.append(_Direction(server, client))
            except OSError:
                self._directions[0].close()
                raise
        except BaseException:
            server.close()
            raise
        self._sides = (client, server)
        self._go_on: Deadline = poller.call_later(_CONNECT_S, self.close)
        poller.add(server.fileno(), EPOLLOUT, self._on_server)

    def _on_server(self, _events: int) -> None:
        """The connection to the container is there, or has failed."""
        _, server = self._sides
        if server.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.close()
            return
        self._poller.remove(server.fileno())
        for side in self._sides:
            # Edges: each event means that there is something new to move, in either direction.
            self._poller.add(side.fileno(), EPOLLIN | EPOLLOUT | EPOLLET, self._on_event)
        self._on_event()

    def _on_event(self, _events: int = 0) -> None:
        self._go_on.cancel()
        try:
            more = [direction.move() for direction in self._directions]
        except OSError:  # reset by one side: the other is told by its end
            self.close()
            return
        if all(direction.ended for direction in self._directions):
            self.close()
        elif any(more):
            # After the others' turn: nothing new may come to make another event.
            self._go_on = self._poller.call_later(0, self._on_event)

    def close(self) -> None:
        self._go_on.cancel()
        for side in self._sides:
            self._poller.remove(side.fileno())
            side.close()
        for direction in self._directions:
            direction.close()
        self._on_end(self)


class UdpRelay:
    """One published UDP port: each sender has a socket of its own towards the container."""

    def __init__(self, poller: Poller, listener: socket.socket, target: Target) -> None:
        self.target = target
        self._poller = poller
        self._listener = listener
        self._peers: dict[tuple[str, int], _Peer] = {}
        listener.setblocking(False)
        poller.add(listener.fileno(), EPOLLIN, self._on_datagram)

    def _on_datagram(self, _events: int) -> None:
        try:
            data, sender = self._listener.recvfrom(_DATAGRAM)
        except OSError:
            return
        peer = self._peers.pop(sender, None)
        if peer is None:
            if len(self._peers) >= MAX_PEERS:
                next(iter(self._peers.values())).close()
            try:
                peer = _Peer(self, self._poller, sender)
            except OSError:
                return
        self._peers[sender] = peer  # the last: the order is that of use
        peer.send(data)

    def answer(self, data: bytes, sender: tuple[str, int]) -> None:
        """Send what the container answers."""
        with suppress(OSError):
            self._listener.sendto(data, sender)

    def forget(self, sender: tuple[str, int]) -> None:
        """Forget a sender that was silent; the next datagram makes it anew."""
        self._peers.pop(sender, None)

    def close(self) -> None:
        """Stop listening, and forget all senders."""
        self._poller.remove(self._listener.fileno())
        self._listener.close()
        for peer in list(self._peers.values()):
            peer.close()


class _Peer:
    def __init__(self, relay: UdpRelay, poller: Poller, sender: tuple[str, int]) -> None:
        self._relay = relay
        self._poller = poller
        self._sender = sender
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            self._socket.setblocking(False)
            self._socket.connect(relay.target)
        except OSError:
            self._socket.close()
            raise
        poller.add(self._socket.fileno(), EPOLLIN, self._on_answer)
        self._used = True
        self._clock: Deadline = poller.call_later(_IDLE_S, self._on_clock)

    def send(self, data: bytes) -> None:
        self._used = True
        with suppress(OSError):  # refused, or no room: datagrams may be lost
            self._socket.send(data)

    def _on_answer(self, _events: int) -> None:
        self._used = True
        try:
            data = self._socket.recv(_DATAGRAM)
        except OSError:  # nothing listens in the container
            return
        self._relay.answer(data, self._sender)

    def _on_clock(self) -> None:
        if not self._used:
            self.close()
            return
        self._used = False
        self._clock = self._poller.call_later(_IDLE_S, self._on_clock)

    def close(self) -> None:
        self._clock.cancel()
        self._relay.forget(self._sender)
        self._poller.remove(self._socket.fileno())
        self._socket.close()
