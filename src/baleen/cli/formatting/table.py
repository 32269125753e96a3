"""Tables with Docker's geometry: columns at least 10 wide, three spaces between.

A format is one of: empty (the command's own table), `table TEMPLATE`, `json`, or a template that is
printed line by line. See: format.md of the Docker CLI reference.
"""

from __future__ import annotations

from baleen.cli.formatting.rows import Row
from baleen.cli.formatting.template import compile_template
from baleen.cli.terminal import neutralise
from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["align", "render_rows"]

_MINIMUM = 10
_PADDING = 3


def align(lines: Iterable[list[str]], *, minimum: int = _MINIMUM) -> Iterator[str]:
    """Lines of cells as text: every column as wide as its widest cell, the last one free."""
    rows = list(lines)
    widths: list[int] = []
    for cells in rows:
        for index, cell in enumerate(cells[:-1]):
            need = max(minimum, len(cell) + _PADDING)
            if index == len(widths):
                widths.append(need)
            elif need > widths[index]:
                widths[index] = need
    for cells in rows:
        last = len(cells) - 1
        yield "".join(
            cell if index == last else cell.ljust(widths[index]) for index, cell in enumerate(cells)
        )


def render_rows(
    rows: Iterable[Row],
    *,
    form: str,
    default: str,
    headers: Mapping[str, str],
    safe: bool,
) -> Iterator[str]:
    """The lines of a list in the format `form`.

    Args:
        rows: the objects.
        form: the user's format; see the module's text.
        default: the command's own table as a template with tabs between fields.
        headers: the title of each field.
        safe: whether control characters of values are spelled out (output is a terminal).

    Raises:
        InvalidArgument: a template that does not parse, or names an unknown field.
    """
    try:
        yield from _render(rows, form=form, default=default, headers=headers, safe=safe)
    except InvalidArgument as err:
        raise InvalidArgument(f"failed to execute template: {err.message}") from err


def _render(
    rows: Iterable[Row], *, form: str, default: str, headers: Mapping[str, str], safe: bool
) -> Iterator[str]:
    if form == "json":
        form = "{{json .}}"
    is_table = form in {"", "table"} or form.startswith("table ")
    if not is_table:
        template = compile_template(_unescape(form))
        for row in rows:
            text = template.render(row)
            yield neutralise(text, lines=True) if safe else text
        return
    body = _unescape(form[6:].strip()) if form.startswith("table ") else ""
    template = compile_template(body or default)
    titles = Row({name: headers.get(name, "<no value>") for name in headers}, kind="headers")
    titles.methods = {"Label": lambda name: _label_title(name)}
    lines = [template.render(titles).split("\t")]
    for row in rows:
        text = template.render(row)
        if safe:
            lines.append([neutralise(cell) for cell in text.split("\t")])
        else:
            lines.append(text.split("\t"))
    yield from align(lines)


def _label_title(name: str) -> str:
    return name.rpartition(".")[2].replace("-", " ").replace("_", " ")


def _unescape(form: str) -> str:
    r"""`\t` and `\n` as shells pass them, outside of quotes too."""
    return form.replace("\\t", "\t").replace("\\n", "\n")
