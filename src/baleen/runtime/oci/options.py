"""Options and arguments of a command, read by the rules of Go's flag package.

So `-name` is `--name`, a value follows behind `=` or as the next word, and a switch may be given
as `--name=false`. Nothing is guessed from abbreviations. `argparse` would do neither, and takes
longer to import than a container to start.
"""

from __future__ import annotations

from baleen.errors import InvalidArgument
from baleen.linux.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

__all__ = ["Option", "Values", "parse"]

_TRUE: Final = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "false", "FALSE", "False"})


@record(frozen=True, slots=True)
class Option:
    """One option of a command.

    Attributes:
        name: without dashes.
        help: one line for people.
        value: what its value is called in the help; empty for a switch.
        short: one letter, or empty.
        many: it may be given several times, and all values count; else the last one does.
    """

    name: str
    help: str
    value: str = ""
    short: str = ""
    many: bool = False


class Values:
    """The options that were given."""

    __slots__ = ("_given",)

    def __init__(self, given: dict[str, list[str]]) -> None:
        self._given = given

    def given(self, name: str) -> bool:
        """Whether the option is there at all."""
        return name in self._given

    def text(self, name: str, default: str = "") -> str:
        """The value, or the default if the option was not given."""
        return self._given[name][-1] if name in self._given else default

    def texts(self, name: str) -> list[str]:
        """All values, in order."""
        return self._given.get(name, [])

    def flag(self, name: str) -> bool:
        """Whether the switch is on. Raises InvalidArgument for what is neither true nor false."""
        value = self.text(name, "false")
        if value in _TRUE:
            return True
        if value in _FALSE:
            return False
        raise InvalidArgument(f'invalid boolean value "{value}" for -{name}')

    def number(self, name: str, default: int = 0) -> int:
        """A whole number in decimal digits, perhaps with a minus. Raises InvalidArgument."""
        if name not in self._given:
            return default
        return whole_number(self.text(name), f"-{name}")


def whole_number(text: str, what: str) -> int:
    """`text` as a number of at most 19 digits; Python's underscores and spaces are none of it."""
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 19):
        raise InvalidArgument(f'invalid value "{text[:64]}" for {what}: a whole number is needed')
    return int(text)


def parse(
    options: Sequence[Option], words: Sequence[str], *, interspersed: bool
) -> tuple[Values, list[str]]:
    """The options among `words`, and the other words.

    With `interspersed` options may come behind other words; else the first that is none ends them,
    as for a command whose arguments are themselves a command. `--` ends them always.

    Raises InvalidArgument with Go's texts.
    """
    by_name = {option.name: option for option in options}
    by_name.update({option.short: option for option in options if option.short})
    given: dict[str, list[str]] = {}
    rest: list[str] = []
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        if word == "--":
            rest += words[position:]
            break
        if word == "-" or not word.startswith("-"):
            rest.append(word)
            if not interspersed:
                rest += words[position:]
                break
            continue
        name, equals, value = word.removeprefix("-").removeprefix("-").partition("=")
        option = by_name.get(name)
        if option is None:
            raise InvalidArgument(f"flag provided but not defined: -{name}")
        if not option.value:
            value = value if equals else "true"
        elif not equals:
            if position == len(words):
                raise InvalidArgument(f"flag needs an argument: -{name}")
            value = words[position]
            position += 1
        given.setdefault(option.name, []).append(value)
    return Values(given), rest
