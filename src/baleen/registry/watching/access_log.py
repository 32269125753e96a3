"""Request ids and the access log: one line for each request, when its answer is complete.

Each request gets an id of ours, in `scope["state"]["request_id"]`, in the answer's `X-Request-Id`
and in the log. A client cannot choose it, so nobody can make two requests look like one. What a
client wrote is escaped, so a line of the log is always one request.

See: Apache's mod_log_config, "combined"; distribution's configuration, `log.accesslog`.
"""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.registry.messages import Asgi, Message, Receive, Scope, Send

__all__ = ["AccessLog", "combined_line", "json_line"]

_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"
_LONGEST = 1024


class Line(msgspec.Struct, frozen=True):
    """What is known about one request.

    Attributes:
        time: of its arrival.
        status: of the answer, 0 if there was none because the client went.
        size: bytes of the answer's body.
        duration_s: until the answer was complete.
    """

    time: datetime
    request_id: str
    client: str
    user: str
    method: str
    target: str
    status: int
    size: int
    duration_s: float
    referer: str
    user_agent: str


class AccessLog:
    """An application whose requests have ids, and are written down by `write` if there is one."""

    def __init__(
        self,
        behind: Asgi,
        write: Callable[[Line], None] | None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._behind = behind
        self._write = write
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection scope."""
        if scope["type"] != "http":
            await self._behind(scope, receive, send)
            return
        # A server may give all requests the same `state`, that of its lifespan.
        scope["state"] = state = dict(scope.get("state") or {})
        state["request_id"] = request_id = secrets.token_hex(16)
        began = self._clock()
        status = size = announced = 0

        async def watch(message: Message) -> None:
            nonlocal status, size, announced
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
                announced = _announced(headers)
                message = {**message, "headers": headers}
            elif message["type"] == "http.response.body":
                size += len(message.get("body", b""))
            elif message["type"] == "http.response.pathsend":
                size = announced
            await send(message)

        try:
            await self._behind(scope, receive, watch)
        finally:
            if self._write is not None:
                self._write(self._line(scope, state, began, status, size))

    def _line(
        self, scope: Scope, state: dict[str, object], began: float, status: int, size: int
    ) -> Line:
        headers: dict[bytes, bytes] = dict(reversed(scope["headers"]))
        query = scope.get("query_string", b"").decode("latin-1")
        raw = scope.get("raw_path") or scope["path"].encode()
        peer = scope.get("client")
        return Line(
            time=datetime.fromtimestamp(began, UTC),
            request_id=str(state["request_id"]),
            client=peer[0] if peer else "",
            user=str(state.get("user", "")),
            method=scope["method"],
            target=raw.decode("latin-1") + (f"?{query}" if query else ""),
            status=status,
            size=size,
            duration_s=round(self._clock() - began, 6),
            referer=headers.get(b"referer", b"").decode("latin-1"),
            user_agent=headers.get(b"user-agent", b"").decode("latin-1"),
        )


def combined_line(line: Line) -> str:
    """Write a line in Apache's combined form."""
    when = line.time
    stamp = f"{when.day:02}/{_MONTHS[when.month * 3 - 3 : when.month * 3]}/{when:%Y:%H:%M:%S} +0000"
    user = _escaped(line.user).replace(" ", "\\x20") or "-"
    return (
        f'{line.client or "-"} - {user} [{stamp}] "{_escaped(line.method)} {_escaped(line.target)}'
        f' HTTP/1.1" {line.status or "-"} {line.size} "{_escaped(line.referer)}"'
        f' "{_escaped(line.user_agent)}" {line.request_id}'
    )


def json_line(line: Line) -> str:
    """Write a line as a JSON object."""
    return msgspec.json.encode(line).decode()


def _escaped(text: str) -> str:
    """Escape what could end a field or a line, or move a terminal's cursor."""
    return "".join(
        character if " " <= character < "\x7f" and character not in '"\\' else _hex(character)
        for character in text[:_LONGEST]
    )


def _hex(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def _announced(headers: list[tuple[bytes, bytes]]) -> int:
    return next((int(value) for name, value in headers if name == b"content-length"), 0)
