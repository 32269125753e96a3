"""The HTTP server: accepts connections, sweeps deadlines, renders heads, shuts down gracefully.

`handle` is the application: a function that takes a Request and returns a Response, a
StreamResponse, or an awaitable of one. A plain function's answer is written without a task,
which is what makes `/_ping` and lists cheap.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import gmtime, monotonic
from typing import TYPE_CHECKING, TypeAlias

from baleen.daemon.http_connection import HttpConnection
from baleen.daemon.http_messages import REASONS, Request, Response, StreamResponse

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Coroutine

__all__ = ["Handler", "HttpServer", "Limits", "Outcome"]

Outcome: TypeAlias = "Response | StreamResponse | Awaitable[Response | StreamResponse]"
Handler: TypeAlias = "Callable[[Request], Outcome]"

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a client may take, in seconds, and how often this is looked at.

    Attributes:
        head_s: from a connection's or a head's first byte to the empty line.
        body_s: between two pieces of a body.
        write_s: to read an answer that is not a stream.
        idle_s: between two requests.
        sweep_s: how late a deadline may be noticed.
    """

    head_s: float = 15.0
    body_s: float = 60.0
    write_s: float = 60.0
    idle_s: float = 300.0
    sweep_s: float = 1.0


class HttpServer:
    """Serves any number of listening sockets; every task it starts lives in `group`.

    `after_transfers` is called about each second while archives, pulls or other large bodies are
    under way, and once behind them: to give back memory that they do not need any more.

    Attributes:
        has_transferred: such a body has moved since the last look.
    """

    def __init__(
        self,
        handle: Handler,
        group: asyncio.TaskGroup,
        *,
        headers: str = "",
        limits: Limits | None = None,
        after_transfers: Callable[[], object] | None = None,
    ) -> None:
        self.handle = handle
        self.has_transferred = False
        self._after_transfers = after_transfers
        self.limits = limits or Limits()
        self.connections: set[HttpConnection] = set()
        self.is_closing = False
        self._group = group
        self._headers = headers
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._heads: dict[tuple[int, str, bool], str] = {}
        self._date_second = 0.0
        self._date = ""
        self._sweeper: asyncio.Task[None] | None = None

    async def listen(
        self,
        listener: socket.socket,
        *,
        is_tcp: bool,
        wrap: Callable[[asyncio.Protocol], asyncio.Protocol] | None = None,
    ) -> None:
        """Accept on a bound socket (which this then owns); `wrap` puts TLS around a connection."""

        def connection() -> asyncio.Protocol:
            inner = HttpConnection(self, is_tcp=is_tcp)
            return wrap(inner) if wrap is not None else inner

        loop = asyncio.get_running_loop()
        if is_tcp:
            server = await loop.create_server(connection, sock=listener, backlog=1024)
        else:
            server = await loop.create_unix_server(connection, sock=listener, backlog=1024)
        self._servers.append(server)
        if self._sweeper is None:
            self._sweeper = self._group.create_task(self._sweep(), name="http-deadlines")

    def spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Run a handler as a child of the server's group."""
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self, grace_s: float) -> None:
        """Stop accepting, end streams, give running answers `grace_s` seconds, then cut."""
        self.is_closing = True
        for server in self._servers:
            server.close()
        for connection in list(self.connections):
            connection.shut_down()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_s)
        for connection in list(self.connections):
            connection.abort()
        for task in self._tasks:
            task.cancel()
        if self._sweeper is not None:
            self._sweeper.cancel()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self.limits.sweep_s)
            now = monotonic()
            for connection in list(self.connections):
                connection.expire(now)
            if self.has_transferred:
                self.has_transferred = False
                if self._after_transfers is not None:
                    self._after_transfers()

    def render_head(
        self, status: int, content_type: str, headers: str, length: int, *, keep_alive: bool
    ) -> bytes:
        """Return a response's head; `length` -1 is chunked, -2 "until the connection closes"."""
        key = (status, content_type, keep_alive)
        first = self._heads.get(key)
        if first is None:
            first = f"HTTP/1.1 {status} {REASONS[status]}\r\n{self._headers}"
            if content_type and status not in (204, 304):
                first += f"Content-Type: {content_type}\r\n"
            if not keep_alive:
                first += "Connection: close\r\n"
            self._heads[key] = first
        if status in (204, 304) or length == -2:
            framing = ""
        elif length == -1:
            framing = "Transfer-Encoding: chunked\r\n"
        else:
            framing = f"Content-Length: {length}\r\n"
        return f"{first}{headers}Date: {self._now()}\r\n{framing}\r\n".encode("latin-1")

    def _now(self) -> str:
        now = monotonic()
        if now - self._date_second >= 1 or not self._date:
            self._date_second = now
            t = gmtime()
            self._date = (
                f"{_DAYS[t.tm_wday]}, {t.tm_mday:02} {_MONTHS[t.tm_mon - 1]} {t.tm_year} "
                f"{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02} GMT"
            )
        return self._date
