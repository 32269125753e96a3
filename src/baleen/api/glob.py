r"""Path patterns as Go's filepath.Match reads them, in time that no pattern can blow up.

    *       any characters but "/"          [a-c]   one of a class, [^a-c] one that is not
    ?       one character but "/"           \x      x itself

Two more elements exist for `.dockerignore` files (`api.ignore`): any number of whole directories
and any rest. A name is matched by a regular expression without backtracking where the pattern's
shape allows one, else by stepping through the set of reachable positions; both need time
proportional to the name's length (times the pattern's), however many wildcards there are.

See: Go path/filepath Match.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "ANY",
    "DIRECTORIES",
    "REST",
    "STAR",
    "CharacterClass",
    "Element",
    "Literal",
    "PatternError",
    "Wildcard",
    "compile_elements",
    "has_wildcard",
    "match",
    "parse_pattern",
]

MAX_PATTERN = 4096
"""More characters than a path can have."""

_WILDCARDS = re.compile(r"(?s:\\.)|([*?\[])")


class PatternError(InvalidArgument):
    """The pattern is malformed: an open class, a reversed range, a lone escape."""


@dataclass(frozen=True, slots=True)
class Literal:
    """One character that stands for itself."""

    character: str


@dataclass(frozen=True, slots=True)
class CharacterClass:
    """`[a-c]` or `[^a-c]`; ranges are inclusive."""

    ranges: tuple[tuple[str, str], ...]
    negated: bool

    def holds(self, character: str) -> bool:
        """Tell whether the class matches `character`."""
        return any(low <= character <= high for low, high in self.ranges) is not self.negated


@dataclass(frozen=True, slots=True)
class Wildcard:
    """One of the elements below."""

    name: str


ANY = Wildcard("one character but /")
STAR = Wildcard("any characters but /")
DIRECTORIES = Wildcard("nothing, or any characters up to and with a /")
REST = Wildcard("any characters")

Element = Literal | CharacterClass | Wildcard


def match(pattern: str, name: str) -> bool:
    """Tell whether `pattern` matches the whole of `name`; raises PatternError.

    See: Go path/filepath Match.
    """
    return _compiled(pattern)(name)


def has_wildcard(pattern: str) -> bool:
    """Tell whether `pattern` may match more than one name."""
    return any(found[1] is not None for found in _WILDCARDS.finditer(pattern))


def parse_pattern(pattern: str, *, double_stars: bool = False) -> tuple[Element, ...]:
    """Return the elements of a pattern; raises PatternError.

    With `double_stars`, a `**` (and a "/" after it) is DIRECTORIES, or REST at the end.
    """
    if len(pattern) > MAX_PATTERN:
        raise PatternError(f"pattern has more than {MAX_PATTERN} characters")
    elements: list[Element] = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        position += 1
        if double_stars and pattern.startswith("**", position - 1):
            position += 2 if pattern.startswith("/", position + 1) else 1
            star = REST if position >= len(pattern) else DIRECTORIES
            if not elements or elements[-1] is not star:
                elements.append(star)
        elif character == "*":
            if not elements or elements[-1] is not STAR:
                elements.append(STAR)
        elif character == "?":
            elements.append(ANY)
        elif character == "[":
            one, position = _parse_class(pattern, position)
            elements.append(one)
        elif character == "\\":
            if position == len(pattern):
                raise _syntax_error(pattern)
            elements.append(Literal(pattern[position]))
            position += 1
        else:
            elements.append(Literal(character))
    return tuple(elements)


def compile_elements(*patterns: Sequence[Element]) -> Callable[[str], bool]:
    """Return a function that tells whether any of the patterns matches the whole of a name."""
    quick: list[str] = []
    sure: list[_Stepper] = []
    for elements in patterns:
        expression = _expression(elements)
        if expression is None:
            sure.append(_Stepper(elements))
        else:
            quick.append(expression)
    fullmatch = re.compile("|".join(f"(?:{one})" for one in quick) or "(?!)", re.DOTALL).fullmatch
    if not sure:
        return lambda name: fullmatch(name) is not None
    return lambda name: fullmatch(name) is not None or any(one.matches(name) for one in sure)


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> Callable[[str], bool]:
    return compile_elements(parse_pattern(pattern))


# --- classes -------------------------------------------------------------------------------------


def _parse_class(pattern: str, position: int) -> tuple[CharacterClass, int]:
    """Return the class whose "[" stands before `position`, and the position after its "]"."""
    negated = pattern[position : position + 1] == "^"
    position += negated
    ranges: list[tuple[str, str]] = []
    while True:
        if ranges and pattern[position : position + 1] == "]":
            return CharacterClass(tuple(ranges), negated), position + 1
        low, position = _class_character(pattern, position)
        high = low
        if pattern[position : position + 1] == "-":
            high, position = _class_character(pattern, position + 1)
        ranges.append((low, high))


def _class_character(pattern: str, position: int) -> tuple[str, int]:
    character = pattern[position : position + 1]
    if character in ("", "-", "]"):
        raise _syntax_error(pattern)
    if character == "\\":
        position += 1
        character = pattern[position : position + 1]
    # Inside a class something must follow: at least the "]".
    if not character or position + 1 >= len(pattern):
        raise _syntax_error(pattern)
    return character, position + 1


def _syntax_error(pattern: str) -> PatternError:
    return PatternError("syntax error in pattern", details={"pattern": pattern[:256]})


# --- the quick way: a regular expression that never goes back ------------------------------------


def _expression(elements: Sequence[Element]) -> str | None:
    """Return an expression for the elements, or None where only `_Stepper` is right.

    What follows a wildcard, up to the next one, is searched for at its first place and then held
    (an atomic group). That is enough because whatever can follow a later place can follow the
    first one too: a star swallows the difference. It does not hold where something that is found
    may itself run over a "/" (a negated class), nor for DIRECTORIES in the middle of a name.
    """
    if any(isinstance(one, CharacterClass) and one.holds("/") for one in elements):
        return None
    parts: list[str] = []  # one for each DIRECTORIES before it, but the first
    current: list[Element] = []
    for index, element in enumerate(elements):
        if element is DIRECTORIES:
            if index and elements[index - 1] != Literal("/"):
                return None
            parts.append(_stars_expression(current))
            current = []
        else:
            current.append(element)
    parts.append(_stars_expression(current))
    first, *others = parts
    if not others:
        return first
    *middle, last = others
    lazily = "(?:[^/]*+/)*?"
    held = "".join(f"(?>{lazily}{part})" for part in middle)
    return f"{first}{held}{lazily}{last}"


def _stars_expression(elements: Sequence[Element]) -> str:
    """Return an expression for elements without DIRECTORIES."""
    pieces: list[str] = []
    current: list[str] = []
    for element in elements:
        if element is STAR:
            pieces.append("".join(current))
            current = []
        else:
            current.append(_one(element))
    pieces.append("".join(current))
    first, *others = pieces
    if not others:
        return first
    *middle, last = others
    held = "".join(f"(?>[^/]*?{piece})" for piece in middle if piece)
    return f"{first}{held}[^/]*{last}"


def _one(element: Element) -> str:
    if isinstance(element, Literal):
        return re.escape(element.character)
    if isinstance(element, CharacterClass):
        inside = "".join(
            f"{re.escape(low)}-{re.escape(high)}" for low, high in element.ranges if low <= high
        )
        if not inside:  # a reversed range holds nothing
            return "." if element.negated else "(?!)"
        return f"[{'^' if element.negated else ''}{inside}]"
    return ".*" if element is REST else "[^/]"


# --- the sure way: all places at once ------------------------------------------------------------


class _Stepper:
    """Steps through a name with the set of the elements that may come next, as bits of an int.

    DIRECTORIES takes two places: before it (may be skipped), and within it (left after a "/").
    """

    def __init__(self, elements: Sequence[Element]) -> None:
        self._places: list[Element | None] = []  # None: within DIRECTORIES
        for element in elements:
            self._places.append(element)
            if element is DIRECTORIES:
                self._places.append(None)
        self._empty = 0  # may be passed without a character, to the next place
        self._outer = 0  # the same for DIRECTORIES, to the next place but one
        for index, place in enumerate(self._places):
            if place is STAR or place is REST:
                self._empty |= 1 << index
            elif place is DIRECTORIES:
                self._outer |= 1 << index
        self._moves: dict[str, tuple[int, int, int]] = {}

    def matches(self, name: str) -> bool:
        reached = self._closed(1)
        for character in name:
            moves = self._moves.get(character)
            if moves is None:
                moves = self._moves[character] = self._moves_on(character)
            ahead, stay, into = moves
            reached = self._closed(
                (reached & ahead) << 1
                | reached & stay
                | (reached & into) << 1
                | ((reached & self._outer) << 2 if character == "/" else 0)
            )
            if not reached:
                return False
        return bool(reached >> len(self._places) & 1)

    def _closed(self, reached: int) -> int:
        while True:
            wider = reached | (reached & self._empty) << 1 | (reached & self._outer) << 2
            if wider == reached:
                return reached
            reached = wider

    def _moves_on(self, character: str) -> tuple[int, int, int]:
        """Return the places that `character` leads on from, keeps at, and leads into."""
        ahead = stay = into = 0
        for index, place in enumerate(self._places):
            bit = 1 << index
            if place is None:
                stay |= bit
                ahead |= bit if character == "/" else 0
            elif place is DIRECTORIES:
                into |= bit
            elif place is REST or (place is STAR and character != "/"):
                stay |= bit
            elif place is STAR:
                pass
            elif isinstance(place, Literal):
                ahead |= bit if place.character == character else 0
            elif isinstance(place, CharacterClass):
                ahead |= bit if place.holds(character) else 0
            elif character != "/":
                ahead |= bit
        return ahead, stay, into
