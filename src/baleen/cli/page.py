"""Text for people in sections: headings, wrapped paragraphs, entries with a label in front.

No line is wider than the page. What comes from an engine or a container has its control
characters spelled out, so it cannot steer a terminal or forge a line.
"""

from __future__ import annotations

import textwrap

from baleen.cli.terminal import neutralise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["WIDTH", "Page"]

WIDTH = 100
_NARROWEST = 50
_BOLD, _PLAIN = "\x1b[1m", "\x1b[0m"
_GAP = 2


class Page:
    """Collects lines; `text` gives them.

    Args:
        width: columns; kept between 50 and 100.
        colour: whether headings stand out.
    """

    def __init__(self, width: int = WIDTH, *, colour: bool = False) -> None:
        self._width = max(_NARROWEST, min(width, WIDTH))
        self._colour = colour
        self._lines: list[str] = []

    def heading(self, title: str) -> None:
        """Begin a section."""
        if self._lines:
            self._lines.append("")
        shown = title.upper()
        self._lines.append(f"{_BOLD}{shown}{_PLAIN}" if self._colour else shown)

    def paragraph(self, text: str, indent: int = 2) -> None:
        """Add wrapped text; nothing for an empty one."""
        self._wrap(text, " " * indent, " " * indent)

    def item(self, text: str, indent: int = 2) -> None:
        """Add wrapped text behind a dash."""
        self._wrap(text, " " * indent + "- ", " " * (indent + 2))

    def entry(self, label: str, text: str, *, column: int = 14, indent: int = 2) -> None:
        """Add a label and, from `column` on, wrapped text; a long label has a line of its own."""
        label = neutralise(label)
        if indent + len(label) + _GAP > column and text:
            self._wrap(label, " " * indent, " " * (indent + _GAP))
            self._wrap(text, " " * column, " " * column)
        else:
            self._wrap(text, (" " * indent + label).ljust(column), " " * column)

    def table(self, rows: Sequence[Sequence[str]], indent: int = 2) -> None:
        """Add rows with aligned columns; the last column is wrapped, the others are not."""
        if not rows:
            return
        rows = [[neutralise(cell) for cell in row] for row in rows]
        limit = self._width // 2
        widths = [
            min(limit, max(len(row[index]) for row in rows)) for index in range(len(rows[0]) - 1)
        ]
        for row in rows:
            cells = [cell.ljust(width + _GAP) for cell, width in zip(row, widths, strict=False)]
            front = " " * indent + "".join(cells)
            column = indent + sum(widths) + _GAP * len(widths)
            if len(front) > column:
                self._wrap(front.strip(), " " * indent, " " * (indent + _GAP))
                front = " " * column
            self._wrap(row[-1], front, " " * column)

    def _wrap(self, text: str, first: str, others: str) -> None:
        text = neutralise(text).strip()
        if not text:
            if first.strip():
                self._lines.append(first.rstrip())
            return
        self._lines += textwrap.wrap(
            text,
            self._width,
            initial_indent=first,
            subsequent_indent=others,
            break_on_hyphens=False,
        )

    def text(self) -> str:
        """Everything, with a newline at the end."""
        return "\n".join(self._lines) + "\n"

    def each(self, texts: Iterable[str]) -> None:
        """Add several texts behind dashes."""
        for text in texts:
            self.item(text)
