"""How the rest of an instruction's line is parted: flags, words, `key=value`, JSON.

Words keep their quotes and escapes; `expansion` takes them off. All functions raise
InvalidArgument with Docker's wording, and take time proportional to the line's length.

See: BuildKit, `frontend/dockerfile/parser` (line_parsers.go, split_command.go).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from baleen.build.dockerfile.errors import quoted, suggestion
from baleen.build.dockerfile.instructions import KeyValue
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "SPACES",
    "Flags",
    "key_values",
    "quoted_words",
    "split_flags",
    "split_keyword",
    "string_array",
    "words",
]

SPACES = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""What Go's unicode.IsSpace holds for space (Python's str.isspace has four more)."""

_GAP = re.compile(r"[\t\v\f\r ]+")
_BLANKS = re.compile(f"[{re.escape(SPACES)}]*")
_ESCAPES = ("\\", "`")


def _word_expression(escape: str, *, in_single_quotes: bool) -> str:
    """Return what one word is made of; what a lone escape at the line's end is, is a group."""
    any_escaped = rf"{re.escape(escape)}(?:.|(\Z))"
    single = rf"'(?:[^'{re.escape(escape)}]++|{any_escaped})*+" if in_single_quotes else "'[^']*+"
    return "|".join(
        (
            rf"[^{re.escape(SPACES)}'\"{re.escape(escape)}]++",
            any_escaped,
            rf"{single}(?:'|\Z)",
            rf'"(?:[^"{re.escape(escape)}]++|{any_escaped})*+(?:"|\Z)',
        )
    )


_WORD = {
    escape: re.compile(f"(?:{_word_expression(escape, in_single_quotes=False)})++", re.DOTALL)
    for escape in _ESCAPES
}
_FLAG = {
    escape: re.compile(f"--(?:{_word_expression(escape, in_single_quotes=True)})*+", re.DOTALL)
    for escape in _ESCAPES
}
_UNQUOTED = {
    escape: re.compile(rf"{re.escape(escape)}(.|\Z)|(['\"])", re.DOTALL) for escape in _ESCAPES
}
_STRINGS = re.compile(
    r'\[[ \t\r\n]*(?:"[^"\\\x00-\x1f]*"[ \t\r\n]*(?:,[ \t\r\n]*"[^"\\\x00-\x1f]*"[ \t\r\n]*)*)?\]'
)
_STRING = re.compile(r'"([^"]*)"')
_SURROGATE = re.compile("[\ud800-\udfff]")


def split_keyword(line: str, escape: str) -> tuple[str, tuple[str, ...], str]:
    """Return the instruction's name as written, its flags and the rest of its line."""
    keyword, *rest = _GAP.split(line.strip(SPACES), maxsplit=1)
    if not rest:
        return keyword, (), ""
    flags, remainder = split_flags(rest[0], escape)
    return keyword, flags, remainder.strip(SPACES)


def split_flags(line: str, escape: str) -> tuple[tuple[str, ...], str]:
    """Return the leading words that begin with `--`, unquoted, and the rest; `--` ends them."""
    flags: list[str] = []
    position = 0
    while True:
        blanks = _BLANKS.match(line, position)
        position = blanks.end() if blanks else position
        found = _FLAG[escape].match(line, position)
        if found is None:
            return tuple(flags), line[position:]
        position = found.end()
        if found[0] == "--":
            return tuple(flags), line[position:]
        flags.append(_unquoted(found[0], escape))


def _unquoted(word: str, escape: str) -> str:
    """Return a flag without its quotes and escapes; a quote within the other quotes stays."""
    result: list[str] = []
    position, quote = 0, ""
    for found in _UNQUOTED[escape].finditer(word):
        if found[2] and quote and found[2] != quote:
            continue
        result += [word[position : found.start()], found[1] or ""]
        position = found.end()
        if found[2]:
            quote = "" if quote else found[2]
    return "".join(result) + word[position:]


def words(rest: str) -> tuple[str, ...]:
    """Return the words between blanks; quotes have no meaning."""
    return tuple(_GAP.split(rest)) if rest else ()


def quoted_words(rest: str, escape: str) -> tuple[str, ...]:
    """Return the words between blanks that are neither quoted nor escaped, as written."""
    found_words: list[str] = []
    for found in _WORD[escape].finditer(rest):
        word = found[0] if found.lastindex is None else found[0][:-1]
        if word:
            found_words.append(word)
    return tuple(found_words)


def key_values(rest: str, escape: str, keyword: str) -> tuple[tuple[KeyValue, ...], bool]:
    """Return the pairs of an ENV or LABEL, and whether it is the old form `ENV key value`."""
    found = quoted_words(rest, escape)
    if found and "=" not in found[0]:
        key, *values = _GAP.split(rest, maxsplit=1)
        if not values:
            raise InvalidArgument(f"{keyword} must have two arguments")
        return (KeyValue(key, values[0]),), True
    pairs: list[KeyValue] = []
    for word in found:
        key, equals, value = word.partition("=")
        if not equals:
            raise InvalidArgument(
                f"Syntax error - can't find = in {quoted(word)}. Must be of the form: name=value"
            )
        pairs.append(KeyValue(key, value))
    return tuple(pairs), False


def string_array(rest: str) -> tuple[str, ...] | None:
    """Return the strings of a JSON array, or None if `rest` is not JSON and so something else.

    An array that holds anything but strings is an error, as Docker has it.
    """
    rest = rest.lstrip(SPACES)
    if not rest.startswith("["):
        return None
    if _STRINGS.fullmatch(rest):
        return tuple(_STRING.findall(rest))
    try:
        found = json.loads(
            rest, parse_int=_not_a_string, parse_float=_not_a_string, parse_constant=_not_json
        )
    except (ValueError, RecursionError):
        return None
    if not all(isinstance(one, str) for one in found):
        raise InvalidArgument(
            "when using JSON array syntax, arrays must be comprised of strings only"
        )
    return tuple(_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", one) for one in found)


def _not_a_string(_: str) -> None:
    """Stand for a number without reading it: it may have any number of digits."""


def _not_json(name: str) -> None:
    """Refuse the constants NaN and Infinity, which only Python's reader knows."""
    raise ValueError(name)


class Flags:
    """The flags of an instruction: `known` gives each name's kind, "bool", "text" or "texts".

    Raises InvalidArgument with BuildKit's wording for any that is unknown, given twice, without
    its value or not true or false.
    """

    def __init__(self, flags: Iterable[str], known: Mapping[str, str]) -> None:
        self._values: dict[str, list[str]] = {}
        for flag in flags:
            name, equals, value = flag[2:].partition("=")
            kind = known.get(name)
            if kind is None:
                raise InvalidArgument(f"unknown flag: {name[:100]}{suggestion(name, known)}")
            if name in self._values and kind != "texts":
                raise InvalidArgument(f"duplicate flag specified: {name}")
            if kind == "bool":
                value = _truth(name, value if equals else "true")
            elif not equals:
                raise InvalidArgument(f"missing a value on flag: {name}")
            self._values.setdefault(name, []).append(value)

    def text(self, name: str) -> str:
        """Return the flag's value, or ""."""
        return self._values.get(name, [""])[0]

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the values of a flag that may be given often."""
        return tuple(self._values.get(name, ()))

    def truth(self, name: str) -> bool | None:
        """Return what a boolean flag says; None if it was not given."""
        value = self.text(name)
        return value == "true" if value else None


def _truth(flag: str, value: str) -> str:
    if not value:
        raise InvalidArgument(f"missing a value on flag: {flag}")
    if value.lower() not in ("true", "false"):
        raise InvalidArgument(f"expecting boolean value for flag {flag}, not: {value}")
    return value.lower()
