"""The words of `--chmod`: octal, or chmod(1)'s symbols.

See: chmod(1p), "EXTENDED DESCRIPTION"; without a `who`, all are meant: a build has no umask.
"""

from __future__ import annotations

import re
import stat
from typing import TYPE_CHECKING

from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["parse_mode"]

_OCTAL = re.compile(r"[0-7]{1,5}")
_CLAUSE = re.compile(r"([ugoa]*)((?:[-+=](?:[ugo]|[rwxXst]*))+)")
_ACTION = re.compile(r"([-+=])([ugo]|[rwxXst]*)")
_SHIFTS = {"u": 6, "g": 3, "o": 0}
_BITS = {"r": 4, "w": 2, "x": 1}
_LIMIT = 256


def parse_mode(words: str) -> Callable[[int], int]:
    """Return what gives the new permission bits (with setuid, setgid, sticky) for an st_mode.

    Raises:
        InvalidArgument: neither octal up to 7777 nor symbols.
    """
    if _OCTAL.fullmatch(words) and int(words, 8) <= 0o7777:
        number = int(words, 8)
        return lambda _mode: number
    clauses = [_CLAUSE.fullmatch(clause) for clause in words[:_LIMIT].split(",")]
    if len(words) > _LIMIT or not all(clauses):
        raise InvalidArgument(
            f"invalid chmod parameter: '{words[:64]}'. it should be octal string and between 0 and "
            "07777, or symbols as chmod(1) takes them"
        )
    steps = [
        (frozenset(who.replace("a", "ugo") or "ugo"), operator, what)
        for clause in clauses
        if clause is not None
        for who in (clause[1],)
        for operator, what in _ACTION.findall(clause[2])
    ]

    def change(mode: int) -> int:
        bits = stat.S_IMODE(mode)
        for who, operator, what in steps:
            bits = _changed(bits, who, operator, what, is_directory=stat.S_ISDIR(mode))
        return bits

    return change


def _changed(
    bits: int, who: frozenset[str], operator: str, what: str, *, is_directory: bool
) -> int:
    value = clear = 0
    for one in who:
        shift = _SHIFTS[one]
        clear |= 7 << shift
        value |= _permissions(bits, what, is_directory=is_directory) << shift
    if "s" in what:
        value |= (stat.S_ISUID if "u" in who else 0) | (stat.S_ISGID if "g" in who else 0)
    if "t" in what:
        value |= stat.S_ISVTX
    if operator == "+":
        return bits | value
    if operator == "-":
        return bits & ~value
    if "u" in who:
        clear |= stat.S_ISUID
    if "g" in who:
        clear |= stat.S_ISGID
    if who == frozenset("ugo"):
        clear |= stat.S_ISVTX
    return bits & ~clear | value


def _permissions(bits: int, what: str, *, is_directory: bool) -> int:
    """Return three bits."""
    if what in _SHIFTS:
        return bits >> _SHIFTS[what] & 7
    result = sum(_BITS[letter] for letter in set(what) & _BITS.keys())
    if "X" in what and (is_directory or bits & 0o111):
        result |= 1
    return result
