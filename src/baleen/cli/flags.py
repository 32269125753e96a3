"""Command line flags with the rules of Docker's command line.

`--name value`, `--name=value`, `-n value`, `-nvalue`, `-n=value`; booleans are set by being there
or by `=true`/`=false`; short flags combine (`-it`); `--` ends the flags. A command that runs
another one (`run`, `exec`) stops at its first argument, so the rest belongs to the inner command.
"""

from __future__ import annotations

from baleen.errors import BaleenError, InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from baleen.client.models import JsonValue

__all__ = ["Flag", "FlagError", "Flags", "parse_bool", "parse_flags", "parse_integer"]


class FlagError(InvalidArgument):
    """A flag is unknown, lacks its value or has one that cannot be; caught to show the usage."""


class Flag:
    """One flag.

    Attributes:
        name: the long name, without dashes.
        short: the letter, or an empty string.
        kind: what the help shows; "bool", "int", "list", "map" and "filter" also decide how it is
            parsed: the last three collect every occurrence; everything else is one string.
        summary: the help line.
        default: the value when the flag is absent.
        parse: turns the text into the value; its error message names this flag.
        hidden: accepted, but not in the help.
    """

    __slots__ = ("default", "hidden", "kind", "name", "parse", "short", "summary")

    def __init__(
        self,
        name: str,
        short: str,
        kind: str,
        summary: str,
        *,
        default: JsonValue = None,
        parse: Callable[[str], JsonValue] | None = None,
        hidden: bool = False,
    ) -> None:
        self.name = name
        self.short = short
        self.kind = kind
        self.summary = summary
        self.parse = parse
        self.hidden = hidden
        if default is None:
            default = _EMPTY.get(kind, "" if parse is None else None)
        self.default = default

    @property
    def is_list(self) -> bool:
        """Whether occurrences add up."""
        return self.kind in {"list", "strings", "map", "filter", "ulimit", "mount", "network"}

    @property
    def label(self) -> str:
        """The flag as an error message shows it: `-m, --memory`."""
        return f"-{self.short}, --{self.name}" if self.short else f"--{self.name}"


_EMPTY: dict[str, JsonValue] = {"bool": False, "int": 0}


class Flags:
    """The parsed flags of one invocation."""

    __slots__ = ("_changed", "_values")

    def __init__(self, flags: Sequence[Flag]) -> None:
        self._values: dict[str, JsonValue] = {
            f.name: [] if f.is_list and f.default is not list else f.default for f in flags
        }
        self._changed: set[str] = set()

    def changed(self, name: str) -> bool:
        """Whether the flag was given."""
        return name in self._changed

    def put(self, flag: Flag, text: str) -> None:
        """Record one occurrence.

        Raises:
            FlagError: the text is not a value of this flag.
        """
        try:
            value = _convert(flag, text)
        except BaleenError as err:
            raise FlagError(
                f'invalid argument "{text}" for "{flag.label}" flag: {err.message}'
            ) from err
        if not flag.is_list:
            self._values[flag.name] = value
        elif flag.kind == "strings":
            self._values[flag.name] += value.split(",")
        else:
            self._values[flag.name].append(value)
        self._changed.add(flag.name)

    def text(self, name: str) -> str:
        """A string flag."""
        value = self._values[name]
        assert isinstance(value, str)
        return value

    def on(self, name: str) -> bool:
        """A boolean flag."""
        value = self._values[name]
        assert isinstance(value, bool)
        return value

    def number(self, name: str) -> int:
        """An integer flag."""
        value = self._values[name]
        assert isinstance(value, int)
        return value

    def texts(self, name: str) -> list[str]:
        """A flag that may be given several times."""
        value = self._values[name]
        assert isinstance(value, list)
        return value

    def value(self, name: str) -> JsonValue:
        """A flag with its own type."""
        return self._values[name]


def _convert(flag: Flag, text: str) -> JsonValue:
    if "\0" in text:
        raise InvalidArgument("NUL in a value")
    if flag.parse is not None:
        return flag.parse(text)
    if flag.kind == "bool":
        return parse_bool(text)
    if flag.kind in {"int", "uint", "uint16"}:
        return parse_integer(text)
    return text


_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}


def parse_bool(text: str) -> bool:
    """A boolean as Go's strconv.ParseBool takes it."""
    if text not in _BOOLEANS:
        raise InvalidArgument(f'strconv.ParseBool: parsing "{text}": invalid syntax')
    return _BOOLEANS[text]


def parse_integer(text: str) -> int:
    """A decimal 64-bit integer: no spaces, no underscores, ASCII digits only."""
    digits = text[1:] if text[:1] in {"-", "+"} else text
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 20:
        raise InvalidArgument(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    value = int(text)
    if not -(1 << 63) <= value < 1 << 63:
        raise InvalidArgument(f'strconv.ParseInt: parsing "{text}": value out of range')
    return value


def parse_flags(
    flags: Sequence[Flag], argv: Sequence[str], *, interspersed: bool = True
) -> tuple[Flags, list[str]]:
    """Flags and the remaining arguments of `argv`.

    Raises:
        FlagError: see the module's text for what is accepted.
    """
    long_names = {flag.name: flag for flag in flags}
    short_names = {flag.short: flag for flag in flags if flag.short}
    result = Flags(flags)
    rest: list[str] = []
    position = 0
    while position < len(argv):
        word = argv[position]
        position += 1
        if word == "--":
            rest += argv[position:]
            break
        if len(word) < 2 or word[0] != "-":
            rest.append(word)
            if interspersed:
                continue
            rest += argv[position:]
            break
        parse = _parse_long if word.startswith("--") else _parse_short
        names = long_names if word.startswith("--") else short_names
        position = parse(result, names, word, argv, position)
    return result, rest


def _parse_long(
    result: Flags, names: dict[str, Flag], word: str, argv: Sequence[str], position: int
) -> int:
    name, equals, value = word[2:].partition("=")
    flag = names.get(name)
    if not name or name[0] == "-":
        raise FlagError(f"bad flag syntax: {word}")
    if flag is None:
        raise FlagError(f"unknown flag: --{name}")
    if equals:
        result.put(flag, value)
    elif flag.kind == "bool":
        result.put(flag, "true")
    elif position < len(argv):
        result.put(flag, argv[position])
        position += 1
    else:
        raise FlagError(f"flag needs an argument: --{name}")
    return position


def _parse_short(
    result: Flags, names: dict[str, Flag], word: str, argv: Sequence[str], position: int
) -> int:
    letters = word[1:]
    for index, letter in enumerate(letters):
        flag = names.get(letter)
        if flag is None:
            raise FlagError(f"unknown shorthand flag: '{letter}' in {word}")
        rest = letters[index + 1 :]
        if rest.startswith("="):
            result.put(flag, rest[1:])
            return position
        if flag.kind == "bool":
            result.put(flag, "true")
            continue
        if rest:
            result.put(flag, rest)
            return position
        if position >= len(argv):
            raise FlagError(f"flag needs an argument: '{letter}' in {word}")
        result.put(flag, argv[position])
        return position + 1
    return position
