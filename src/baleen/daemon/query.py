"""The path and query of a request, read by the grammar of the API and not by Python's.

See: RFC 3986 section 2.1; Go net/url; moby `daemon/server/httputils/form.go`.
"""

from __future__ import annotations

import re

from baleen.errors import InvalidArgument

__all__ = ["Query", "parse_integer", "percent_decode"]

_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_FALSE = frozenset({"", "0", "no", "false", "none"})
_MAX_PAIRS = 1000


def percent_decode(text: str) -> str:
    """Return `text` (latin-1, as on the wire) without escapes.

    Bytes that are not UTF-8 are kept as surrogates, so that a path goes to the file system as
    the client sent it. Raises InvalidArgument for a malformed escape and for NUL.
    """
    if "%" in text or not text.isascii():
        bad = _BAD_ESCAPE.search(text)
        if bad is not None:
            escape = text[bad.start() : bad.start() + 3].encode("ascii", "replace").decode()
            raise InvalidArgument(f'invalid URL escape "{escape}"')
        raw = _ESCAPE.sub(lambda match: bytes((int(match[1], 16),)), text.encode("latin-1"))
        text = raw.decode("utf-8", "surrogateescape")
    if "\0" in text:
        raise InvalidArgument("invalid NUL character in URL")
    return text


def parse_integer(text: str, name: str) -> int:
    """Return the int64 that `text` is in Go's decimal grammar; raises InvalidArgument."""
    value = int(text) if _INTEGER.fullmatch(text) else None
    if value is None or not -(2**63) <= value < 2**63:
        raise InvalidArgument(f"invalid value for {name}: {text[:64]!r} is not an integer")
    return value


class Query:
    """The query parameters, decoded once; an absent one reads as its default."""

    __slots__ = ("_values",)

    def __init__(self, raw: str) -> None:
        self._values: dict[str, list[str]] = {}
        if not raw:
            return
        pairs = raw.split("&")
        if len(pairs) > _MAX_PAIRS:
            raise InvalidArgument(f"more than {_MAX_PAIRS} query parameters")
        for pair in pairs:
            name, _, value = pair.replace("+", " ").partition("=")
            self._values.setdefault(percent_decode(name), []).append(percent_decode(value))

    def text(self, name: str, default: str = "") -> str:
        """Return the first value; an empty one counts as absent."""
        values = self._values.get(name)
        return (values[0] if values else "") or default

    def texts(self, name: str) -> list[str]:
        """Return all values of a parameter that may come several times."""
        return self._values.get(name, [])

    def has(self, name: str) -> bool:
        """Whether the parameter was given at all."""
        return name in self._values

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a truth value as dockerd reads it: false are "", 0, no, false, none only."""
        values = self._values.get(name)
        if values is None:
            return default
        return values[0].strip().lower() not in _FALSE

    def integer(self, name: str, default: int | None = None) -> int | None:
        """Return an int64, or the default when absent or empty; raises InvalidArgument."""
        text = self.text(name)
        return parse_integer(text, name) if text else default
