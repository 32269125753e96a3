"""The DNS server of one container, at 127.0.0.11:53 of its network namespace.

Life cycle, in the supervisor's poll loop:

    resolver = Resolver(netns, names_path=..., upstream=[...], forward=True)
    loop: poll(resolver.fds(), timeout=min(..., resolver.next_timeout()))
          for each readable fd, and also when the timeout passed: resolver.on_readable(fd)
    resolver.close()        # at the container's end

`fds()` is one epoll descriptor that never changes, so it can be registered once.

The server listens on random ports of 127.0.0.11 and a firewall table in the container's namespace
leads port 53 there. So port 53 of every other address stays free for a DNS server that runs in the
container. It forwards from the host's namespace: the container's own routes do not matter, and
servers that only the host reaches (127.0.0.53) work.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from contextlib import ExitStack

from baleen.linux.netns import inside_netns
from baleen.linux.nft_expressions import L4PROTO, daddr, dnat, dport, equals, immediate, meta
from baleen.linux.nftables import NF_INET_LOCAL_OUT, Hook, NftSocket, Table, ipv4, port, protocol
from baleen.runtime import dns_message
from baleen.runtime.dns_events import Events
from baleen.runtime.dns_forward import Forwarder, Upstream
from baleen.runtime.dns_message import (
    CLASS_IN,
    TYPE_A,
    TYPE_PTR,
    MessageError,
    Query,
    address_record,
    answer,
    error_answer,
    parse_query,
    pointer_record,
)
from baleen.runtime.dns_names import Names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Final

    from baleen.linux.fd import Fd

__all__ = ["SERVER", "TABLE", "Resolver"]

SERVER: Final = "127.0.0.11"
TABLE: Final = "baleen-dns"

_PORT: Final = 53
_MAX_MESSAGE: Final = 65535
_DATAGRAMS_PER_TURN: Final = 32
_MAX_CONNECTIONS: Final = 32
_MAX_UNSENT: Final = 256 << 10
_IDLE_S: Final = 10.0
_PAUSE_S: Final = 1.0


class Resolver:
    """Answers names of the container's networks, forwards the rest; never blocks.

    Memory is bounded: queries in flight, connections and unsent bytes each have a limit.

    Raises:
        OSError: the sockets or the redirect could not be set up in the namespace.
    """

    def __init__(
        self,
        netns: Fd,
        *,
        names_path: str,
        upstream: Sequence[str],
        forward: bool,
        resolv_conf: str = "/etc/resolv.conf",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Listen in `netns` (stays the caller's); forward from the caller's own namespace.

        `upstream` empty: follow the host's `resolv_conf`, also when it changes. `forward` False
        (internal networks): names we do not know do not leave the host.
        """
        self._names = Names(names_path)
        self._connections: dict[_Connection, None] = {}  # the one idle for longest first
        with ExitStack() as undo:
            with inside_netns(netns.fileno()):
                self._udp = undo.enter_context(_bound(socket.SOCK_DGRAM))
                self._tcp = undo.enter_context(_bound(socket.SOCK_STREAM))
                nft = undo.enter_context(NftSocket())
            self._tcp.listen(_MAX_CONNECTIONS)
            _redirect(nft, udp=self._udp.getsockname()[1], tcp=self._tcp.getsockname()[1])
            nft.close()
            self._events = Events(clock)
            undo.callback(self._events.close)
            self._events.add(self._udp.fileno(), select.EPOLLIN, self._on_datagrams)
            self._events.add(self._tcp.fileno(), select.EPOLLIN, self._on_connection)
            self._forwarder = (
                Forwarder(self._events, Upstream(upstream, resolv_conf)) if forward else None
            )
            self._undo = undo.pop_all()

    def fds(self) -> list[int]:
        """Descriptors to poll for input: always the same one."""
        return [self._events.fileno()]

    def on_readable(self, fd: int) -> None:
        """Do all work that is due: input, output and expired timers. Also call it on timeout."""
        assert fd == self._events.fileno()
        self._events.turn()

    def next_timeout(self) -> float | None:
        """Seconds until a timer is due, or None when there is none."""
        return self._events.next_timeout()

    def close(self) -> None:
        """Close all descriptors; the redirect dies with the namespace. Idempotent."""
        for connection in list(self._connections):
            connection.close()
        if self._forwarder is not None:
            self._forwarder.close()
        self._undo.close()

    def _on_datagrams(self, _mask: int) -> None:
        for _ in range(_DATAGRAMS_PER_TURN):
            try:
                data, sender = self._udp.recvfrom(_MAX_MESSAGE)
            except OSError:  # nothing left, or an ICMP error of an earlier answer
                return

            def reply(message: bytes, sender: tuple[str, int] = sender) -> None:
                try:
                    self._udp.sendto(message, sender)
                except OSError:
                    return  # DNS over UDP may lose an answer; the client asks again

            self.serve(data, reply, tcp=False)

    def _on_connection(self, _mask: int) -> None:
        for _ in range(_MAX_CONNECTIONS):
            try:
                accepted, _address = self._tcp.accept()
            except OSError as err:  # nobody left, or gone already
                if err.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS):
                    self._pause_accepting()
                return
            while len(self._connections) >= _MAX_CONNECTIONS:
                next(iter(self._connections)).close()
            _Connection(self, self._events, self._connections, accepted)

    def _pause_accepting(self) -> None:
        """Without a free descriptor the listener would stay readable and the loop spin."""
        self._events.remove(self._tcp.fileno())
        self._events.call_later(_PAUSE_S, self._listen_again)

    def _listen_again(self) -> None:
        self._events.add(self._tcp.fileno(), select.EPOLLIN, self._on_connection)

    def serve(self, data: bytes, reply: Callable[[bytes], None], *, tcp: bool) -> None:
        """Answer one message: at once, or later through the forwarder. Junk gets none."""
        try:
            query = parse_query(data)
        except MessageError as err:
            if err.answer:
                reply(err.answer)
            return
        limit = _MAX_MESSAGE if tcp else query.udp_size
        records = self._records(query)
        if records is not None:
            reply(answer(query, records, limit=limit))
        elif self._forwarder is not None:
            self._forwarder.forward(query, data, reply, tcp=tcp)
        else:
            # An internal network: Docker says SERVFAIL, and NXDOMAIN would claim to know.
            reply(error_answer(query, dns_message.SERVFAIL))

    def _records(self, query: Query) -> list[bytes] | None:
        """Records for a name of ours (none for types that it does not have), or None."""
        if query.qclass != CLASS_IN or not query.name:
            return None
        if query.type == TYPE_PTR:
            name = self._names.pointer(query.name)
            return None if name is None else _pointer_records(name)
        addresses = self._names.addresses(query.name)
        if addresses is None:
            return None
        if query.type != TYPE_A:
            return []
        # Spreads clients, as they take the first; `random` is ten modules for this one line.
        addresses.sort(key=lambda _address: os.urandom(4))
        return [address_record(address) for address in addresses]


class _Connection:
    """One TCP client: messages behind their 2-byte length, answered in any order (RFC 7766)."""

    def __init__(
        self,
        resolver: Resolver,
        events: Events,
        connections: dict[_Connection, None],
        accepted: socket.socket,
    ) -> None:
        self._resolver = resolver
        self._events = events
        self._connections = connections
        self._socket = accepted
        self._in = b""
        self._out = b""
        accepted.setblocking(False)
        events.add(accepted.fileno(), select.EPOLLIN, self._on_event)
        self._idle = events.call_later(_IDLE_S, self.close)
        connections[self] = None

    def close(self) -> None:
        """Close; answers that come later are dropped. Idempotent."""
        if self._connections.pop(self, self) is None:
            self._idle.cancel()
            self._events.remove(self._socket.fileno())
            self._socket.close()

    def _touch(self) -> None:
        self._idle.cancel()
        self._idle = self._events.call_later(_IDLE_S, self.close)
        self._connections[self] = self._connections.pop(self)

    def _on_event(self, mask: int) -> None:
        if mask & select.EPOLLOUT:
            self._flush()
        elif mask:
            self._read()

    def _read(self) -> None:
        try:
            data = self._socket.recv(_MAX_MESSAGE + 2)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self._touch()
        self._in += data
        while len(self._in) >= 2 and self in self._connections:
            size = int.from_bytes(self._in[:2], "big")
            if len(self._in) < 2 + size:
                return
            message, self._in = self._in[2 : 2 + size], self._in[2 + size :]
            self._resolver.serve(message, self._reply, tcp=True)

    def _reply(self, message: bytes) -> None:
        if self not in self._connections:
            return
        self._out += len(message).to_bytes(2, "big") + message
        if len(self._out) > _MAX_UNSENT:
            self.close()  # a client that asks and never reads
        else:
            self._flush()

    def _flush(self) -> None:
        try:
            self._out = self._out[self._socket.send(self._out) :]
        except BlockingIOError:
            pass
        except OSError:
            self.close()
            return
        self._events.modify(
            self._socket.fileno(), select.EPOLLIN | (select.EPOLLOUT if self._out else 0)
        )


def _pointer_records(name: str) -> list[bytes]:
    """None for a container's name that is no domain name, as one of more than 63 letters."""
    try:
        return [pointer_record(name)]
    except ValueError:
        return []


def _bound(kind: int) -> socket.socket:
    """A socket on a free port of the server's address."""
    server = socket.socket(socket.AF_INET, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    server.bind((SERVER, 0))
    return server


def _redirect(nft: NftSocket, *, udp: int, tcp: int) -> None:
    """In the namespace of `nft`: what goes to the server's port 53 reaches our ports.

    Connection tracking turns the answers back, so clients see port 53. An earlier resolver's
    table (the supervisor restarted the container in a shared namespace) is replaced.
    """
    table = Table(TABLE)
    rules = [
        table.add_rule(
            "output",
            daddr(0),
            equals(0, ipv4(SERVER)),
            meta(L4PROTO, 0),
            equals(0, protocol(name)),
            dport(0),
            equals(0, port(_PORT)),
            immediate(0, ipv4(SERVER)),
            immediate(1, port(number)),
            dnat(0, 1),
        )
        for name, number in (("udp", udp), ("tcp", tcp))
    ]
    chain = table.add_chain("output", hook=Hook("nat", NF_INET_LOCAL_OUT, -100))
    try:
        nft.commit(table.add(exclusive=True), chain, *rules)
    except FileExistsError:
        # Only then: after a delete, closing the socket waits 10 ms for the kernel's readers.
        nft.commit(table.delete(), table.add(), chain, *rules)
