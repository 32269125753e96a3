"""Printing: whole texts to standard output, and tables for people."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

__all__ = ["print_table", "print_text"]

_GAP: Final = 3
_NARROWEST: Final = 12


def print_text(text: str) -> None:
    """Write all of it. Raises OSError."""
    data = text.encode("utf-8", "backslashreplace")
    while data:
        data = data[os.write(1, data) :]


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as their widest cell, at least twelve characters."""
    widths = [
        max(_NARROWEST, *(len(cell) + _GAP for cell in column))
        for column in zip(*rows, strict=True)
    ]
    lines = [
        "".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    print_text("\n".join(lines) + "\n")
