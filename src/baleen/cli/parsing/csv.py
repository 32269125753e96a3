"""One line of comma separated fields with optional double quotes (RFC 4180)."""

from __future__ import annotations

from baleen.errors import InvalidArgument

__all__ = ["split_fields"]


def split_fields(text: str) -> list[str]:
    """The fields of `a=1,"b=x,y"`.

    Raises:
        InvalidArgument: unbalanced or misplaced quotes.
    """
    fields: list[str] = []
    position = 0
    while True:
        if text[position : position + 1] != '"':
            end = text.find(",", position)
            field = text[position:] if end < 0 else text[position:end]
            if '"' in field:
                raise InvalidArgument('bare " in non-quoted field')
        else:
            field, end = _quoted(text, position + 1)
        fields.append(field)
        if end < 0 or end >= len(text):
            return fields
        position = end + 1


def _quoted(text: str, position: int) -> tuple[str, int]:
    """A quoted field and the position of what follows it."""
    parts: list[str] = []
    while (end := text.find('"', position)) >= 0:
        parts.append(text[position:end])
        if text[end + 1 : end + 2] != '"':
            if text[end + 1 : end + 2] not in {"", ","}:
                break
            return "".join(parts), end + 1
        parts.append('"')
        position = end + 2
    raise InvalidArgument('extraneous or missing " in quoted-field')
