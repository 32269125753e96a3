"""`baleen unpause`: thaw containers."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.commands.stop import begin_action
from baleen.cli.each import for_each_at_once

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, _flags: Flags, arguments: list[str]) -> int:
    return for_each_at_once(
        session, arguments, lambda reference: begin_action(session, reference, "unpause")
    )


COMMAND = Command(_run, "CONTAINER [CONTAINER...]", minimum=1)
