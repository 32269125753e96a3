"""Words of an instruction: quotes, escapes and variables, as in a Dockerfile.

See: Dockerfile reference, "Environment replacement".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["expanded", "words"]

_NAME = "[A-Za-z_][A-Za-z0-9_]*"
_VARIABLE = re.compile(rf"\$(?:({_NAME})|\{{({_NAME})(?::([-+])([^}}]*))?\}})")


def words(text: str, variables: Mapping[str, str]) -> list[str]:
    """Part `text` at white space outside of quotes; a variable's value is never parted.

    Raises:
        InvalidArgument: a quote has no end.
    """
    return _scan(text, variables, " \t\n\r")


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """Return all of `text` as one word: without its quotes, variables replaced.

    `$NAME`, `${NAME}`, `${NAME:-word}` and `${NAME:+word}` are, outside of single quotes; a
    variable that is not set is empty.

    Raises:
        InvalidArgument: a quote has no end.
    """
    return "".join(_scan(text, variables, ""))


def _scan(text: str, variables: Mapping[str, str], separators: str) -> list[str]:
    found: list[str] = []
    word: list[str] | None = None
    quote, position = "", 0
    while position < len(text):
        char = text[position]
        position += 1
        if not quote and char in separators:
            if word is not None:
                found.append("".join(word))
            word = None
            continue
        word = [] if word is None else word
        if char == quote:
            quote = ""
        elif quote == "'":
            word.append(char)
        elif char == "$" and (match := _VARIABLE.match(text, position - 1)):
            word.append(_value(match, variables))
            position = match.end()
        elif char == "\\" and position < len(text):
            # Between double quotes a backslash protects these three alone.
            kept = "" if not quote or text[position] in '"$\\' else char
            word.append(kept + text[position])
            position += 1
        elif not quote and char in "'\"":
            quote = char
        else:
            word.append(char)
    if quote:
        raise InvalidArgument(f"bad quoting in {text[:64]!r}: no closing quotation")
    return found if word is None else [*found, "".join(word)]


def _value(match: re.Match[str], variables: Mapping[str, str]) -> str:
    value = variables.get(match[1] or match[2], "")
    if match[3] == "-":
        return value or match[4]
    if match[3] == "+":
        return match[4] if value else ""
    return value
