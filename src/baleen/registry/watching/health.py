"""Health: does the registry answer, and can it reach its database and storage?

`/health` is public and says `ok` or `unhealthy` and nothing else; the reasons are for the log and
for the debug address. A check runs at most every ten seconds, however often it is asked for, and
has five seconds. `/` is answered by whoever lives, well or not: load balancers ask Docker's
registry for it.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import msgspec

from baleen.errors import BaleenError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from baleen.registry.messages import Asgi, Receive, Scope, Send

__all__ = ["Health", "HealthApp"]

_EVERY_S = 10.0
_DEADLINE_S = 5.0


class Health:
    """The last result of a check, at most ten seconds old.

    Args:
        check: raises BaleenError or OSError when something does not answer.
        complain: is told why, when a registry becomes unhealthy, and when it is well again.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        check: Callable[[], Awaitable[None]],
        complain: Callable[[str], None] = lambda _: None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._check = check
        self._complain = complain
        self._clock = clock
        self._lock = asyncio.Lock()
        self._until = float("-inf")
        self._reason = ""

    async def reason(self) -> str:
        """Return why the registry is unhealthy, or an empty text."""
        async with self._lock:
            if self._clock() >= self._until:
                before, self._reason = self._reason, await self._look()
                self._until = self._clock() + _EVERY_S
                if self._reason != before:
                    self._complain(
                        f"unhealthy: {self._reason}" if self._reason else "healthy again"
                    )
            return self._reason

    async def _look(self) -> str:
        try:
            async with asyncio.timeout(_DEADLINE_S):
                await self._check()
        except TimeoutError:
            return f"no answer within {_DEADLINE_S:g} s"
        except (BaleenError, OSError) as err:
            return str(err)
        return ""


class HealthApp:
    """An application that answers `GET /health` with 200 or 503, and `GET /` with 200."""

    def __init__(self, behind: Asgi, health: Health) -> None:
        self._behind = behind
        self._health = health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection scope."""
        if scope["type"] != "http" or scope["path"] not in {"/", "/health"}:
            await self._behind(scope, receive, send)
            return
        if scope["path"] == "/":
            status, text = 200, ""
        else:
            is_well = not await self._health.reason()
            status, text = (200, "ok") if is_well else (503, "unhealthy")
        if scope["method"] not in {"GET", "HEAD"}:
            status, text = 405, "method not allowed"
        body = msgspec.json.encode({"status": text}) if text else b""
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send(
            {"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body}
        )
