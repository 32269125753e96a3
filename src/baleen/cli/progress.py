"""Drawing the engine's progress messages: one line for each layer, bars on a terminal.

Messages that have an id and a `progressDetail` share a block of lines, one for each id, which are
drawn again in place; any other message ends the block. Without a terminal, only changes of state
are printed, each on a line of its own.

See: moby `pkg/jsonmessage/jsonmessage.go`.
"""

from __future__ import annotations

from baleen.cli.terminal import neutralise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.client.models import JsonObject

__all__ = ["ProgressDisplay", "progress_bar"]

_BAR = 50
_BAR_NEEDS = 110
_CLEAR_LINE = "\x1b[2K"


class ProgressDisplay:
    """Turns messages into what is written.

    Args:
        write: takes text as it is, line ends included.
        columns: gives the terminal's width; None where there is no terminal.
    """

    def __init__(
        self, write: Callable[[str], object], columns: Callable[[], int] | None = None
    ) -> None:
        self._write = write
        self._columns = columns
        self._lines: dict[str, int] = {}

    def show(self, message: JsonObject) -> None:
        """Draw one message; one without anything to show ends the block and writes nothing."""
        identifier, status = _text(message, "id"), _text(message, "status")
        detail = message.get("progressDetail")
        is_block = bool(identifier) and (detail is not None or bool(message.get("progress")))
        text = _text(message, "stream")
        bar = _bar(message, self._columns() if self._columns is not None else 0)
        if self._columns is None:
            self._write_line(identifier, status, text, is_step=bool(bar))
            return
        rise = self._rise(identifier) if is_block else 0
        if not is_block:
            self._lines.clear()
        if text:
            self._write(neutralise(text, lines=True))
        elif is_block or detail is not None:
            line = neutralise(f"{identifier}: {status} {bar}" if identifier else f"{status} {bar}")
            up, down = (f"\x1b[{rise}A", f"\x1b[{rise}B") if rise else ("", "")
            self._write(f"{up}{_CLEAR_LINE}\r{line}\r{down}")
        elif status:
            prefix = f"{identifier}: " if identifier else ""
            self._write(neutralise(prefix + status, lines=True) + "\n")

    def _rise(self, identifier: str) -> int:
        """How many lines above the cursor the id's line is; a new id opens one."""
        if identifier not in self._lines:
            self._lines[identifier] = len(self._lines)
            self._write("\n")
        return len(self._lines) - self._lines[identifier]

    def _write_line(self, identifier: str, status: str, text: str, *, is_step: bool) -> None:
        if is_step:
            return
        if text:
            self._write(text)
        elif status:
            self._write(f"{identifier}: {status}\n" if identifier else f"{status}\n")


def progress_bar(current: int, total: int, columns: int) -> str:
    """`[====>    ]  1.2MB/3MB`; without room the sizes alone, of an unknown total the current."""
    from baleen.cli.formatting.humanize import decimal_size

    if current <= 0 and total <= 0:
        return ""
    so_far = f"{decimal_size(current):>8}"
    if total <= 0:
        return so_far
    numbers = so_far if current > total else f"{so_far}/{decimal_size(total)}"
    if columns <= _BAR_NEEDS:
        return numbers
    filled = min(current * 100 // total // 2, _BAR)
    return f"[{'=' * filled}>{' ' * (_BAR - filled)}] {numbers}"


def _bar(message: JsonObject, columns: int) -> str:
    detail = message.get("progressDetail")
    if not isinstance(detail, dict):
        return _text(message, "progress")
    current, total = detail.get("current") or 0, detail.get("total") or 0
    if not isinstance(current, int) or not isinstance(total, int):
        return ""
    return progress_bar(current, total, columns)


def _text(message: JsonObject, key: str) -> str:
    value = message.get(key)
    return value if isinstance(value, str) else ""
