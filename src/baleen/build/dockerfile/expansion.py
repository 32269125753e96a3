r"""Words of a Dockerfile with their variables replaced and their quotes removed.

    $name  ${name}                       its value, or nothing
    ${name:-word}  ${name-word}          `word` if unset (with ":" also if empty)
    ${name:+word}  ${name+word}          `word` if set
    ${name:?word}  ${name?word}          an error that says `word`, if unset
    ${name#p} ## % %%                    without a beginning, an ending
    ${name/p/r}  ${name//p/r}            with matches of p replaced
    '...'                                as it is
    "..."                                variables replaced, escapes before $ " and itself
    \x                                   x itself (or `x, where the file's escape is a backtick)

`word` may hold all of these again. Nothing is expanded twice. The length of a result and the
depth of nesting are bounded, as a Dockerfile can double a variable's length with each line.

Which instructions are expanded, and how, is `expanded.EXPANDED`.

See: Dockerfile reference, Environment replacement; BuildKit, `frontend/dockerfile/shell`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from baleen.build.dockerfile.errors import quoted
from baleen.build.dockerfile.shell_patterns import ShellPattern
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Expansion",
    "ExpansionError",
    "Quotes",
    "analyse",
    "expand",
    "expand_text",
    "expand_words",
]

MAX_RESULT = 1 << 20
"""Characters; the kernel takes at most 128 KiB in one environment variable."""
MAX_DEPTH = 50


class ExpansionError(InvalidArgument):
    """The word is malformed, or requires a variable that is not set."""


class Quotes(Enum):
    """What becomes of quotes."""

    REMOVE = "remove"
    KEEP = "keep"  # they quote, and stay in the result
    PLAIN = "plain"  # they are characters as any other


@dataclass(frozen=True, slots=True)
class Expansion:
    """What came of a word.

    Attributes:
        text: as one value.
        words: parted at blanks that were not quoted; blanks out of variables part, too.
        used: variables that were asked for and are set.
        unset: variables that were asked for and are not set, save where the word says what then
            (`${name:-...}`, `+`, `?`).
    """

    text: str
    words: tuple[str, ...]
    used: frozenset[str]
    unset: frozenset[str]


def expand(word: str, variables: Mapping[str, str], escape: str = "\\") -> str:
    """Return the word as one value; raises ExpansionError."""
    if not _SPECIAL.search(word):
        return word
    return analyse(word, variables, escape).text


def expand_words(word: str, variables: Mapping[str, str], escape: str = "\\") -> tuple[str, ...]:
    """Return the words that come of `word`, none to many; raises ExpansionError."""
    return analyse(word, variables, escape).words


def expand_text(text: str, variables: Mapping[str, str]) -> str:
    r"""Return the contents of a heredoc: quotes stay, `\` escapes; raises ExpansionError."""
    if not _SPECIAL.search(text):
        return text
    return analyse(text, variables, quotes=Quotes.PLAIN).text


def analyse(
    word: str,
    variables: Mapping[str, str],
    escape: str = "\\",
    *,
    quotes: Quotes = Quotes.REMOVE,
    keep_escapes: bool = False,
    keep_unset: bool = False,
) -> Expansion:
    """Return all there is to know of a word; raises ExpansionError.

    With `keep_unset`, variables that are not set stay in the text as they were written.
    """
    expander = _Expander(word, variables, escape, quotes, keep_unset=keep_unset)
    words = _Words()
    try:
        text = expander.until(None, keep_escapes=keep_escapes, words=words)
    except ExpansionError as err:
        raise ExpansionError(f"failed to process {quoted(word)}: {err.message}") from None
    return Expansion(text, words.all(), frozenset(expander.used), frozenset(expander.unset))


_SPECIAL = re.compile(r"[$'\"\\`]")
_PLAIN = re.compile(r"[^$'\"\\`}/]+")
_SPACES = frozenset(
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_SPECIAL_PARAMETERS = frozenset("@*#?-$!0")
_MODIFIERS = frozenset("+-?#%")


class _Words:
    """Collects words: blanks part them, quoted text never does."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._current: list[str] = []

    def add(self, text: str) -> None:
        for character in text:
            if character in _SPACES:
                self._end()
            else:
                self._current.append(character)

    def add_quoted(self, text: str) -> None:
        self._current.append(text)

    def all(self) -> tuple[str, ...]:
        self._end()
        return tuple(self._words)

    def _end(self) -> None:
        word = "".join(self._current)
        if word:
            self._words.append(word)
            self._current = []


class _Expander:
    """Reads one word from left to right."""

    def __init__(
        self,
        text: str,
        variables: Mapping[str, str],
        escape: str,
        quotes: Quotes,
        *,
        keep_unset: bool,
    ) -> None:
        self._text = text
        self._position = 0
        self._depth = 0
        self._size = 0
        self._variables = variables
        self._escape = escape
        self._quotes = quotes
        self._keep_unset = keep_unset
        self._keep_escapes = False
        self.used: set[str] = set()
        self.unset: set[str] = set()

    def until(self, stop: str | None, *, keep_escapes: bool, words: _Words | None = None) -> str:
        """Return what stands before `stop` (passed over), expanded; None: all to the end."""
        outer, self._keep_escapes = self._keep_escapes, keep_escapes
        words = words or _Words()
        result: list[str] = []
        while self._position < len(self._text):
            character = self._text[self._position]
            if character == stop:
                self._position += 1
                self._keep_escapes = outer
                return "".join(result)
            if character == "$":
                value = self._dollar()
                words.add(value)
            elif character in "'\"" and self._quotes is not Quotes.PLAIN:
                value = self._single_quoted() if character == "'" else self._double_quoted()
                words.add_quoted(value)
            elif character == self._escape:
                value = self._escaped()
                words.add_quoted(value)
            else:
                plain = _PLAIN.match(self._text, self._position)
                value = plain[0] if plain else character
                self._position += len(value)
                words.add(value)
            result.append(self._counted(value))
        if stop is not None:
            raise ExpansionError(f"unexpected end of statement while looking for matching {stop}")
        self._keep_escapes = outer
        return "".join(result)

    def _counted(self, value: str) -> str:
        self._size += len(value)
        if self._size > MAX_RESULT:
            raise ExpansionError(f"the result has more than {MAX_RESULT} characters")
        return value

    def _escaped(self) -> str:
        after = self._text[self._position + 1 : self._position + 2]
        self._position += 2
        return self._escape + after if self._keep_escapes else after

    def _single_quoted(self) -> str:
        end = self._text.find("'", self._position + 1)
        if end < 0:
            raise ExpansionError(
                "unexpected end of statement while looking for matching single-quote"
            )
        begin, self._position = self._position, end + 1
        return (
            self._text[begin : end + 1]
            if self._quotes is Quotes.KEEP
            else self._text[begin + 1 : end]
        )

    def _double_quoted(self) -> str:
        mark = '"' if self._quotes is Quotes.KEEP else ""
        result = [mark]
        self._position += 1
        while self._position < len(self._text):
            character = self._text[self._position]
            if character == '"':
                self._position += 1
                result.append(mark)
                return "".join(result)
            if character == "$":
                result.append(self._counted(self._dollar()))
                continue
            self._position += 1
            if character == self._escape:
                if self._keep_escapes:
                    result.append(character)
                after = self._text[self._position : self._position + 1]
                if not after:
                    break
                if after in ('"', "$", self._escape):
                    self._position += 1
                    character = after
            result.append(character)
        raise ExpansionError("unexpected end of statement while looking for matching double-quote")

    def _dollar(self) -> str:
        self._position += 1
        if self._peek() != "{":
            name = self._name()
            if not name:
                return "$"
            value = self._lookup(name)
            if value is None:
                return f"${name}" if self._keep_unset else ""
            return value
        self._position += 1
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpansionError(f"substitutions are nested more than {MAX_DEPTH} deep")
        value = self._braced()
        self._depth -= 1
        return value

    def _braced(self) -> str:
        """Return the value of what follows a `${`, up to its end."""
        if not self._peek():
            raise ExpansionError("syntax error: missing '}'")
        if self._peek() in "{}:":
            raise ExpansionError("syntax error: bad substitution")
        name = self._name()
        operator = self._next()
        if operator == "}":
            value = self._lookup(name)
            if value is None:
                return f"${{{name}}}" if self._keep_unset else ""
            return value
        if operator == "/":
            return self._replaced(name)
        colon = operator == ":"
        modifier = self._next() if colon else operator
        written = operator + modifier if colon else operator
        if not modifier:
            raise ExpansionError("syntax error: missing '}'")
        if not colon and modifier not in _MODIFIERS:
            raise ExpansionError(f"unsupported modifier ({written}) in substitution")
        word = self._part("}", keep_escapes=modifier in "#%")
        if modifier not in _MODIFIERS:
            raise ExpansionError(f"unsupported modifier ({written}) in substitution")
        return self._modified(name, modifier, written, word)

    def _modified(self, name: str, modifier: str, written: str, word: str) -> str:
        value = self._lookup(name, report=modifier in "#%")
        if value is None and self._keep_unset:
            return f"${{{name}{written}{word}}}"
        missing = value is None or (written[0] == ":" and not value)
        if modifier == "-":
            return word if missing else value or ""
        if modifier == "+":
            return "" if missing else word
        if modifier == "?":
            if missing:
                state = "unset" if value is None else "empty"
                raise ExpansionError(f"{name}: {word or f'is not allowed to be {state}'}")
            return value or ""
        longest = word.startswith(modifier)
        pattern = _pattern(word[longest:])
        if modifier == "%":
            return pattern.without_suffix(value or "", longest=longest)
        return pattern.without_prefix(value or "", longest=longest)

    def _replaced(self, name: str) -> str:
        everywhere = self._peek() == "/"
        self._position += everywhere
        pattern = self._part("/", keep_escapes=True)
        replacement = self._part("}", keep_escapes=True)
        value = self._lookup(name)
        if value is None and self._keep_unset:
            return f"${{{name}/{pattern}/{replacement}}}"
        parsed = _pattern(pattern)
        self._counted_product(value or "", replacement)
        return parsed.replaced(value or "", replacement, everywhere=everywhere)

    def _counted_product(self, value: str, replacement: str) -> None:
        if (len(value) + 1) * len(replacement) > 4 * MAX_RESULT:
            raise ExpansionError(f"the result may have more than {MAX_RESULT} characters")

    def _part(self, stop: str, *, keep_escapes: bool) -> str:
        try:
            return self.until(stop, keep_escapes=keep_escapes)
        except ExpansionError:
            if self._position < len(self._text):
                raise
            missing = "'}'" if stop == "}" else "'/' in ${}"
            raise ExpansionError(f"syntax error: missing {missing}") from None

    def _lookup(self, name: str, *, report: bool = True) -> str | None:
        value = self._variables.get(name)
        if value is not None:
            self.used.add(name)
        elif report:
            self.unset.add(name)
        return value

    def _name(self) -> str:
        """Return the name at this place: letters, digits and "_", digits, or one of `@*#?-$!`."""
        begin = self._position
        first = self._peek()
        if first.isdecimal():
            while self._peek().isdecimal():
                self._position += 1
        elif first in _SPECIAL_PARAMETERS:
            self._position += 1
        else:
            while (character := self._peek()) and (
                character.isalpha() or character.isdecimal() or character == "_"
            ):
                self._position += 1
        return self._text[begin : self._position]

    def _peek(self) -> str:
        return self._text[self._position : self._position + 1]

    def _next(self) -> str:
        character = self._peek()
        self._position += 1
        return character


def _pattern(text: str) -> ShellPattern:
    try:
        return ShellPattern(text)
    except InvalidArgument as err:
        raise ExpansionError(
            f"invalid pattern ({text[:100]}) in substitution: {err.message}"
        ) from None
