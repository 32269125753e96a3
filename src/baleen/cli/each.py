"""Doing one thing to each argument, as most commands do: go on after an error, then fail."""

from __future__ import annotations

from baleen.errors import BaleenError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.cli.session import Session

__all__ = ["for_each"]


def for_each(session: Session, references: list[str], action: Callable[[str], str | None]) -> int:
    """Call `action` with each reference and print what it returns; 1 if one of them failed."""
    code = 0
    for reference in references:
        try:
            text = action(reference)
        except BaleenError as err:
            session.warn(str(err))
            code = 1
        else:
            if text is not None:
                session.out(text)
    return code
