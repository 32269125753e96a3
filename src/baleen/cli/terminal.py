"""Writing to the standard streams, and what is safe to write to a terminal.

Text goes out as UTF-8; surrogate escapes become the bytes they stand for, and lone surrogates of
an engine's JSON become U+FFFD, so no text can fail to be printed. Names, labels and messages come
from strangers: on a terminal their control characters are shown, not obeyed (W01).
"""

from __future__ import annotations

import os
import sys

__all__ = ["encode", "is_terminal", "neutralise", "terminal_width", "write_err", "write_out"]

# C0, DEL, C1, and the invisible characters that reorder a line.
_VISIBLE = {code: f"\\x{code:02x}" for code in (*range(32), 127, *range(128, 160))}
_VISIBLE |= {code: f"\\u{code:04x}" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
_VISIBLE |= {9: "\\t", 10: "\\n", 13: "\\r"}
_VISIBLE_LINES = {code: text for code, text in _VISIBLE.items() if code not in {9, 10}}


def neutralise(text: str, *, lines: bool = False) -> str:
    """`text` with control characters spelled out; with `lines`, newlines and tabs stay."""
    if text.isprintable():
        return text
    return text.translate(_VISIBLE_LINES if lines else _VISIBLE)


def is_terminal(descriptor: int) -> bool:
    """Whether the standard stream `descriptor` is a terminal; a closed one is not."""
    try:
        return os.isatty(descriptor)
    except OSError:
        return False


def encode(text: str) -> bytes:
    """`text` as bytes; never fails."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        pass
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def write_out(text: str | bytes) -> None:
    """Write to standard output at once.

    Raises:
        BrokenPipeError: nobody reads any more.
    """
    _write(1, text)


def write_err(text: str | bytes) -> None:
    """Write to standard error at once; its control characters are spelled out on a terminal."""
    if isinstance(text, str) and is_terminal(2):
        text = neutralise(text, lines=True)
    _write(2, text)


def _write(descriptor: int, text: str | bytes) -> None:
    data = memoryview(text if isinstance(text, bytes) else encode(text))
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            import select

            # Somebody else made the shared description non-blocking.
            poller = select.poll()
            poller.register(descriptor, select.POLLOUT)
            poller.poll()


def terminal_width(default: int = 80) -> int:
    """Columns of the terminal on standard output."""
    try:
        return os.get_terminal_size(sys.stdout.fileno() if sys.stdout else 1).columns or default
    except (OSError, ValueError):
        return default
