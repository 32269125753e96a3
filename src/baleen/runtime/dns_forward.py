"""Forwards DNS queries to upstream servers, without blocking and without growing.

Each query goes out from a fresh socket (a random source port, connected, so that only that
server's packets come in) under a random id; an answer counts only when id and question agree.
When a server is silent for a while the next one is asked too, and the first good answer wins; at
the deadline the client gets SERVFAIL. What came by TCP is asked by TCP, so a truncated answer
passes to the client, who asks again that way.

See: RFC 5452 (forgery resilience), RFC 7766 (TCP), resolv.conf(5)
"""

from __future__ import annotations

import os
import select
import socket

from baleen.runtime import dns_message
from baleen.runtime.dns_message import Query, error_answer, is_answer_to, rcode, with_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Final

    from baleen.runtime.dns_events import Events

__all__ = ["Forwarder", "Upstream"]

MAX_IN_FLIGHT: Final = 512
PATIENCE_S: Final = 1.5  # then the next server is asked as well
DEADLINE_S: Final = 4.5  # below the 5 s after which libc gives up
MAX_SERVERS: Final = 3  # as libc
_PORT: Final = 53
_MAX_MESSAGE: Final = 65535
_FAILURES: Final = (dns_message.SERVFAIL, dns_message.NOTIMP, dns_message.REFUSED)


class Upstream:
    """Which servers to ask: a fixed list, or what the host's resolv.conf says at the moment."""

    def __init__(self, servers: Sequence[str], resolv_conf: str) -> None:
        self._fixed = tuple(servers)
        self._path = resolv_conf
        self._signature: tuple[int, int, int] | None = None
        self._servers: tuple[str, ...] = ()

    def servers(self) -> tuple[str, ...]:
        """Addresses, in the order in which to ask them; never empty."""
        if self._fixed:
            return self._fixed
        try:
            status = os.stat(self._path)
            signature = (status.st_ino, status.st_mtime_ns, status.st_size)
            if signature != self._signature:
                with open(self._path, encoding="utf-8", errors="replace") as file:
                    self._servers = _parse_servers(file.read())
                self._signature = signature
        except OSError:
            self._servers = ()
            self._signature = None
        return self._servers or ("127.0.0.1",)


def _parse_servers(text: str) -> tuple[str, ...]:
    servers = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver" and _family(words[1]) is not None:
            servers.append(words[1])
    return tuple(servers[:MAX_SERVERS])


def _family(server: str) -> socket.AddressFamily | None:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, server)
        except OSError:
            continue
        return family
    return None


class Forwarder:
    """The queries in flight. Answers go to the callback given with the query, exactly once."""

    def __init__(self, events: Events, upstream: Upstream, *, port: int = _PORT) -> None:
        self._events = events
        self._upstream = upstream
        self._port = port
        self._in_flight: set[_Exchange] = set()

    def forward(
        self, query: Query, message: bytes, reply: Callable[[bytes], None], *, tcp: bool
    ) -> None:
        """Ask upstream for `message`; `reply` gets the answer under the query's own id."""
        if len(self._in_flight) >= MAX_IN_FLIGHT:
            reply(error_answer(query, dns_message.SERVFAIL))
            return
        exchange = _Exchange(self._events, query, message, tcp=tcp)

        def done(answer: bytes) -> None:
            self._in_flight.discard(exchange)
            reply(answer)

        self._in_flight.add(exchange)
        exchange.start(self._upstream.servers(), self._port, done)

    def close(self) -> None:
        """Drop everything in flight, without answers."""
        for exchange in self._in_flight:
            exchange.cancel()
        self._in_flight.clear()


class _Exchange:
    """One query on its way: up to one attempt per server, side by side."""

    def __init__(self, events: Events, query: Query, message: bytes, *, tcp: bool) -> None:
        self.events = events
        self.query = query
        self.message = message
        self.tcp = tcp
        self._attempts: set[_Attempt] = set()
        self._fallback = b""  # a server's own refusal, better than ours

    def start(self, servers: Sequence[str], port: int, done: Callable[[bytes], None]) -> None:
        self._servers = list(servers)
        self._port = port
        self._done = done
        self._deadline = self.events.call_later(DEADLINE_S, self._give_up)
        self._patience = self.events.call_later(PATIENCE_S, self._lose_patience)
        self._next_server()

    def cancel(self) -> None:
        self._deadline.cancel()
        self._patience.cancel()
        for attempt in self._attempts:
            attempt.close()
        self._attempts.clear()

    def _lose_patience(self) -> None:
        if self._servers:
            self._patience = self.events.call_later(PATIENCE_S, self._lose_patience)
            self._next_server()

    def _next_server(self) -> None:
        """Ask the next server; when there is none and nobody is left to answer, give up."""
        while self._servers:
            server = self._servers.pop(0)
            try:
                attempt = _Attempt(self, server, self._port)
            except OSError:
                continue  # no route to it, or not an address: the next one
            self._attempts.add(attempt)
            return
        if not self._attempts:
            self._give_up()

    def _give_up(self) -> None:
        self._finish(self._fallback or error_answer(self.query, dns_message.SERVFAIL))

    def _finish(self, answer: bytes) -> None:
        self.cancel()
        self._done(with_id(answer, self.query.id))

    def failed(self, attempt: _Attempt) -> None:
        """The server cannot be reached or closed the connection."""
        self._attempts.discard(attempt)
        attempt.close()
        self._next_server()

    def answered(self, attempt: _Attempt, answer: bytes) -> None:
        """A matching answer came. A server's failure counts only when no other knows better."""
        if rcode(answer) in _FAILURES:
            self._fallback = answer
            self.failed(attempt)
        else:
            self._finish(answer)


class _Attempt:
    """One query to one server over its own socket, which it closes."""

    def __init__(self, exchange: _Exchange, server: str, port: int) -> None:
        self._exchange = exchange
        self._events = exchange.events
        self._id = int.from_bytes(os.urandom(2), "big")
        self._question = exchange.query.question
        self._out = with_id(exchange.message, self._id)
        self._in = b""
        tcp = exchange.tcp
        kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
        self._socket = socket.socket(
            _family(server) or socket.AF_INET, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        )
        try:
            if tcp:
                self._out = len(self._out).to_bytes(2, "big") + self._out
                self._connect(server, port)
                self._events.add(
                    self._socket.fileno(), select.EPOLLIN | select.EPOLLOUT, self._on_stream
                )
            else:
                self._socket.connect((server, port))
                self._socket.send(self._out)
                self._events.add(self._socket.fileno(), select.EPOLLIN, self._on_datagram)
        except BaseException:
            self._socket.close()
            raise

    def _connect(self, server: str, port: int) -> None:
        try:
            self._socket.connect((server, port))
        except BlockingIOError:
            return  # the usual case: it goes on, and EPOLLOUT tells

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            self._events.remove(self._socket.fileno())
            self._socket.close()

    def _on_datagram(self, _mask: int) -> None:
        try:
            data = self._socket.recv(_MAX_MESSAGE)
        except BlockingIOError:
            return
        except OSError:  # an ICMP error came back: nobody listens there
            self._exchange.failed(self)
            return
        if is_answer_to(data, self._id, self._question):
            self._exchange.answered(self, data)

    def _on_stream(self, mask: int) -> None:
        try:
            if self._out and mask & (select.EPOLLOUT | select.EPOLLHUP | select.EPOLLERR):
                self._out = self._out[self._socket.send(self._out) :]
                if not self._out:
                    self._events.modify(self._socket.fileno(), select.EPOLLIN)
                return
            data = self._socket.recv(_MAX_MESSAGE + 2)
        except BlockingIOError:
            return
        except OSError:
            self._exchange.failed(self)
            return
        self._in += data
        size = int.from_bytes(self._in[:2], "big")
        if len(self._in) >= 2 + size and len(self._in) >= 2:
            answer = self._in[2 : 2 + size]
            if is_answer_to(answer, self._id, self._question):
                self._exchange.answered(self, answer)
            else:
                self._exchange.failed(self)
        elif not data:
            self._exchange.failed(self)
