"""Doing one thing to each argument, as most commands do: go on after an error, then fail."""

from __future__ import annotations

from baleen.errors import BaleenError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.cli.session import Session

__all__ = ["for_each", "for_each_at_once"]

_AT_ONCE = 50  # as Docker's client


def for_each(session: Session, references: list[str], action: Callable[[str], str | None]) -> int:
    """Call `action` with each reference and print what it returns; 1 if one of them failed."""
    code = 0
    for reference in references:
        code |= _report(session, action, reference)
    return code


def for_each_at_once(
    session: Session, references: list[str], begin: Callable[[str], Callable[[], str | None]]
) -> int:
    """As `for_each`, but the engine works on up to 50 requests at a time.

    `begin` sends the request and returns the function that takes the answer. Stopping ten
    containers takes as long as stopping the slowest of them. Results are printed in the order of
    the arguments.
    """
    code = 0
    for first in range(0, len(references), _AT_ONCE):
        pending = [_begin(begin, reference) for reference in references[first : first + _AT_ONCE]]
        for finish in pending:
            code |= _report(session, finish)
    return code


def _begin(
    begin: Callable[[str], Callable[[], str | None]], reference: str
) -> Callable[[], str | None]:
    try:
        return begin(reference)
    except BaleenError as err:
        failure = err

    def fail() -> str | None:
        raise failure

    return fail


def _report(session: Session, action: Callable[..., str | None], *arguments: str) -> int:
    try:
        text = action(*arguments)
    except BaleenError as err:
        session.warn(str(err))
        return 1
    if text is not None:
        session.out(text)
    return 0
