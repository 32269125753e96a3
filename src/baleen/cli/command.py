"""What a command is: its flags, its arguments, and the function that does it."""

from __future__ import annotations

from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.cli.flags import Flag, Flags
    from baleen.cli.session import Session

__all__ = ["Command", "UsageError"]


class UsageError(InvalidArgument):
    """Wrong number of arguments; caught to show the usage."""


class Command:
    """One command; a module of `commands` holds one as COMMAND.

    Attributes:
        run: does it; takes the session, the flags and the arguments; gives the exit code.
        usage: what follows the command's name in the usage line.
        flags: its flags, in the order of the help.
        minimum: least number of arguments.
        maximum: most, or None.
        interspersed: whether flags may follow arguments.
        raw: whether flags are left to the command as arguments.
        own_code: exit code for errors of this program and of the engine: 125 for `run`, else 1.
    """

    __slots__ = ("flags", "interspersed", "maximum", "minimum", "own_code", "raw", "run", "usage")

    def __init__(
        self,
        run: Callable[[Session, Flags, list[str]], int],
        usage: str,
        *,
        flags: tuple[Flag, ...] = (),
        minimum: int = 0,
        maximum: int | None = None,
        interspersed: bool = True,
        own_code: int = 1,
        raw: bool = False,
    ) -> None:
        self.run = run
        self.usage = usage
        self.flags = flags
        self.minimum = minimum
        self.maximum = maximum
        self.interspersed = interspersed
        self.own_code = own_code
        self.raw = raw

    def check_arguments(self, name: str, arguments: list[str]) -> None:
        """Refuse a wrong number of arguments with Docker's words.

        Raises:
            UsageError: too few or too many.
        """
        low, high, count = self.minimum, self.maximum, len(arguments)
        if count >= low and (high is None or count <= high):
            return
        if high is None:
            what = f"requires at least {low} argument{'s' * (low != 1)}"
        elif high == 0:
            what = "accepts no arguments"
        elif low == high:
            what = f"requires {low} argument{'s' * (low != 1)}"
        elif low == 0:
            what = f"requires at most {high} argument{'s' * (high != 1)}"
        else:
            what = f"requires at least {low} argument{'s' * (low != 1)}"
            if count > high:
                what = f"requires at most {high} arguments"
        raise UsageError(f"'{name}' {what}")
