"""How a command of a build fails."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from baleen.errors import FailedPrecondition

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CommandFailed"]


class CommandFailed(FailedPrecondition):
    """A command ended with another code than 0; the text is the classic builder's.

    Attributes:
        exit_code: of the command; 137 where it was killed.
        oom_killed: the kernel killed for lack of memory.
    """

    def __init__(self, args: Sequence[str], exit_code: int, *, oom_killed: bool = False) -> None:
        super().__init__(
            f"The command '{_shown(args)}' returned a non-zero code: {exit_code}",
            hint="it was killed because it took more memory than it may" if oom_killed else "",
        )
        self.exit_code = exit_code
        self.oom_killed = oom_killed


def _shown(args: Sequence[str]) -> str:
    """Return the command as the classic builder shows it: words in one line."""
    return " ".join(word if word.isprintable() else json.dumps(word) for word in args)
