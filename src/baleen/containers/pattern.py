r"""Regular expressions from clients, matched in time linear in the text.

Filters such as `name=^/web.*$` are regular expressions of Go (RE2), which cannot be made to run
for ever; Python's `re` can. This is the part of the syntax that people use: literals, `.`, classes,
`\d \w \s`, groups, `|`, `* + ?` and bounded repetition, `^ $`. The pattern becomes a set of
states (Thompson's construction), and matching keeps the set of states reached after each character.

See: https://github.com/google/re2/wiki/Syntax; K. Thompson, Regular Expression Search Algorithm.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["compile_pattern"]

_MAX_PATTERN: Final = 1024
_MAX_STATES: Final = 4096
_META: Final = frozenset(r".^$*+?()[]{}|\\")
_CLASSES: Final[dict[str, Callable[[str], bool]]] = {
    "d": lambda c: c in "0123456789",
    "w": lambda c: c.isascii() and (c.isalnum() or c == "_"),
    "s": lambda c: c in "\t\n\f\r ",
    "D": lambda c: c not in "0123456789",
    "W": lambda c: not (c.isascii() and (c.isalnum() or c == "_")),
    "S": lambda c: c not in "\t\n\f\r ",
}


@dataclass(slots=True, eq=False)
class _State:
    """One state: free moves (`empty`, with an optional condition) or one move on a character."""

    accepts: Callable[[str], bool] | None = None
    anchor: str = ""
    following: list[_State] = field(default_factory=list)


@dataclass(slots=True)
class _Part:
    """A piece of the machine: its first state, and the states that have to be led on."""

    first: _State
    last: list[_State]


def compile_pattern(unsafe_pattern: str) -> Callable[[str], bool]:
    """Return a predicate: does the pattern match anywhere in the text?

    Raises:
        InvalidArgument: the pattern is malformed, too long, or uses syntax outside the list above.
    """
    if len(unsafe_pattern) > _MAX_PATTERN:
        raise InvalidArgument(f"invalid pattern: longer than {_MAX_PATTERN} characters")
    if not _META.intersection(unsafe_pattern):
        return lambda text: unsafe_pattern in text
    try:
        part = _Parser(unsafe_pattern).parse()
    except RecursionError:
        raise InvalidArgument("invalid pattern: nested too deep") from None
    final = _State()
    for state in part.last:
        state.following.append(final)
    return lambda text: _search(part.first, final, text)


def _search(first: _State, final: _State, text: str) -> bool:
    current: set[_State] = set()
    for at in range(len(text) + 1):
        _follow(first, current, at_start=at == 0, at_end=at == len(text))
        if final in current:
            return True
        if at == len(text):
            break
        character = text[at]
        reached: set[_State] = set()
        for state in current:
            if state.accepts is not None and state.accepts(character):
                for target in state.following:
                    _follow(target, reached, at_start=False, at_end=at + 1 == len(text))
        current = reached
    return False


def _follow(start: _State, seen: set[_State], *, at_start: bool, at_end: bool) -> None:
    """Add `start` and what it reaches without a character."""
    pending = [start]
    while pending:
        state = pending.pop()
        if state in seen:
            continue
        if (state.anchor == "^" and not at_start) or (state.anchor == "$" and not at_end):
            continue
        seen.add(state)
        if state.accepts is None:
            pending.extend(state.following)


class _Parser:
    """Recursive descent over one pattern."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._states = 0

    def parse(self) -> _Part:
        part = self._alternatives()
        if self._at < len(self._text):
            raise self._error("unexpected )")
        return part

    def _error(self, why: str) -> InvalidArgument:
        return InvalidArgument(f"invalid pattern {self._text[:64]!r}: {why}")

    def _state(self, accepts: Callable[[str], bool] | None = None, anchor: str = "") -> _State:
        self._states += 1
        if self._states > _MAX_STATES:
            raise self._error("too complex")
        return _State(accepts, anchor)

    def _single(self, accepts: Callable[[str], bool] | None = None, anchor: str = "") -> _Part:
        state = self._state(accepts, anchor)
        return _Part(state, [state])

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self) -> str:
        character = self._peek()
        if not character:
            raise self._error("it ends too early")
        self._at += 1
        return character

    def _alternatives(self) -> _Part:
        parts = [self._sequence()]
        while self._peek() == "|":
            self._at += 1
            parts.append(self._sequence())
        if len(parts) == 1:
            return parts[0]
        split = self._state()
        split.following = [part.first for part in parts]
        return _Part(split, [state for part in parts for state in part.last])

    def _sequence(self) -> _Part:
        result = self._single()
        while (following := self._peek()) and following not in "|)":
            part = self._repeated()
            for state in result.last:
                state.following.append(part.first)
            result = _Part(result.first, part.last)
        return result

    def _repeated(self) -> _Part:
        begin = self._at
        part = self._atom()
        end = self._at
        mark = self._peek()
        if not mark or mark not in "*+?{":
            return part
        self._at += 1
        if mark == "{":
            low, high = self._bounds()
            part = self._copies(begin, end, low, high)
        else:
            part = self._loop(part, mark)
        if self._peek() == "?":  # lazy: the same question when only "does it match" counts
            self._at += 1
        if (following := self._peek()) and following in "*+?":
            raise self._error("repetition of a repetition")
        return part

    def _loop(self, part: _Part, mark: str) -> _Part:
        split = self._state()
        split.following.append(part.first)
        if mark == "?":
            return _Part(split, [*part.last, split])
        for state in part.last:
            state.following.append(split)
        return _Part(part.first if mark == "+" else split, [split])

    def _bounds(self) -> tuple[int, int | None]:
        close = self._text.find("}", self._at)
        low, comma, high = self._text[self._at : close].partition(",")
        valid = close > 0 and low.isascii() and low.isdigit() and len(low) < 4
        if not valid or (high and not (high.isascii() and high.isdigit() and len(high) < 4)):
            raise self._error("malformed {}")
        self._at = close + 1
        upper = int(high) if high else (None if comma else int(low))
        if upper is not None and (upper < int(low) or upper > 255):
            raise self._error("malformed {}")
        return int(low), upper

    def _copies(self, begin: int, end: int, low: int, high: int | None) -> _Part:
        """Parse the atom again for each copy: a state has one place in the machine."""
        after = self._at
        result = self._single()

        def another() -> _Part:
            self._at = begin
            part = self._atom()
            assert self._at == end
            return part

        for _ in range(low):
            result = self._chain(result, another())
        if high is None:
            result = self._chain(result, self._loop(another(), "*"))
        else:
            for _ in range(high - low):
                result = self._chain(result, self._loop(another(), "?"))
        self._at = after
        return result

    @staticmethod
    def _chain(left: _Part, right: _Part) -> _Part:
        for state in left.last:
            state.following.append(right.first)
        return _Part(left.first, right.last)

    def _atom(self) -> _Part:
        character = self._take()
        if character == "(":
            if self._text.startswith("?:", self._at):
                self._at += 2
            elif self._peek() == "?":
                raise self._error("only (?: is known")
            part = self._alternatives()
            if self._peek() != ")":
                raise self._error("missing )")
            self._at += 1
            return part
        if character in "^$":
            return self._single(anchor=character)
        if character == ".":
            return self._single(lambda c: c != "\n")
        if character == "[":
            return self._single(self._class())
        if character == "\\":
            return self._single(self._escape())
        if character in "*+?":
            raise self._error("nothing to repeat")
        return self._single(lambda c: c == character)

    def _escape(self) -> Callable[[str], bool]:
        character = self._take()
        if character in _CLASSES:
            return _CLASSES[character]
        if character.isascii() and character.isalnum():
            raise self._error(f"unknown escape \\{character}")
        return lambda c: c == character

    def _class(self) -> Callable[[str], bool]:
        negated = self._peek() == "^"
        if negated:
            self._at += 1
        tests: list[Callable[[str], bool]] = []
        while True:
            character = self._take()
            if character == "]" and tests:
                break
            if character == "\\":
                tests.append(self._escape())
                continue
            if self._peek() == "-" and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
                self._at += 1
                tests.append(_between(character, self._take()))
            else:
                tests.append(_between(character, character))
        return lambda c: any(test(c) for test in tests) != negated


def _between(low: str, high: str) -> Callable[[str], bool]:
    if low > high:
        raise InvalidArgument(f"invalid pattern: bad character range {low}-{high}")
    return lambda c: low <= c <= high
