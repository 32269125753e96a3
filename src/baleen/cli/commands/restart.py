"""`baleen restart`: stop and start."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.commands.stop import STOP_FLAGS, run_action

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    return run_action(session, flags, arguments, "restart")


COMMAND = Command(_run, "[OPTIONS] CONTAINER [CONTAINER...]", flags=STOP_FLAGS, minimum=1)
