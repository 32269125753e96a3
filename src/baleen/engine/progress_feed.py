"""Progress of a pull or push on its way from worker threads to one client.

Each layer's newest step waits to be sent, older ones of the same kind are forgotten: a slow client
gets fewer steps, and memory does not grow. Changes of state are never lost.

See: moby `pkg/streamformatter`, `pkg/jsonmessage`.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["Message", "ProgressFeed", "progress_text"]

Message = dict[str, object]

_BAR = 50
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


class ProgressFeed:
    """Made on the loop; `message`, `step` and `end` may be called from any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._lock = threading.Lock()
        self._waiting: list[Message] = []
        self._steps: dict[tuple[str, str], int] = {}
        self._ended = False
        self._error: BaseException | None = None

    def message(self, status: str, **fields: object) -> None:
        """Send a line; empty fields and an empty status are left out."""
        self.post({"status": status, **fields} if status else dict(fields))

    def post(self, message: Message) -> None:
        """Send a message as it is."""
        with self._lock:
            self._waiting.append(message)
        self._notify()

    def step(self, identifier: str, status: str, current: int = 0, total: int = 0) -> None:
        """Send a layer's state; with `current`, how far it is, in bytes."""
        message: Message = {"status": status, "progressDetail": {}, "id": identifier}
        if current or total:
            message["progressDetail"] = {
                name: value for name, value in (("current", current), ("total", total)) if value
            }
            message["progress"] = progress_text(current, total)
        with self._lock:
            place = self._steps.get((identifier, status))
            if current and place is not None:
                self._waiting[place] = message
                return
            if current:
                self._steps[identifier, status] = len(self._waiting)
            self._waiting.append(message)
        self._notify()

    def end(self, error: BaseException | None = None) -> None:
        """Say that nothing more comes; the reader raises `error` behind what was sent."""
        with self._lock:
            self._ended, self._error = True, error
        self._notify()

    async def messages(self) -> AsyncIterator[Message]:
        """Yield what is sent until the end; for one reader."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            with self._lock:
                waiting, self._waiting = self._waiting, []
                self._steps.clear()
                ended = self._ended
            for message in waiting:
                yield message
            if ended:
                if self._error is not None:
                    raise self._error
                return

    def _notify(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._wake.set)
        except RuntimeError:
            return  # the loop has ended, and with it every reader


def progress_text(current: int, total: int) -> str:
    """Return `[====>    ]  1.2MB/3MB`, as clients print it that do not draw themselves."""
    if total <= 0:
        return f"{_human(current):>8}"
    filled = max(0, min(current * 100 // total // 2, _BAR))
    bar = f"[{'=' * filled}>{' ' * (_BAR - filled)}] "
    return bar + f"{_human(current):>8}" + (f"/{_human(total)}" if current <= total else "")


def _human(size: float) -> str:
    # See: go-units HumanSize: four significant digits, powers of 1000.
    unit = 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size /= 1000
        unit += 1
    return f"{size:.4g}{_UNITS[unit]}"
