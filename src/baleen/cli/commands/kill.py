"""`baleen kill`: a signal to a container's first process."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.commands.stop import begin_action
from baleen.cli.each import for_each_at_once
from baleen.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.models import QueryValue

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    query: dict[str, QueryValue] = {"signal": flags.text("signal") or None}
    return for_each_at_once(
        session, arguments, lambda reference: begin_action(session, reference, "kill", query)
    )


COMMAND = Command(
    _run,
    "[OPTIONS] CONTAINER [CONTAINER...]",
    flags=(Flag("signal", "s", "string", "Signal to send to the container"),),
    minimum=1,
)
