"""`baleen kill`: a signal to a container's first process."""

from __future__ import annotations

from baleen.cli.attachment import container_path
from baleen.cli.command import Command
from baleen.cli.each import for_each
from baleen.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    def act(reference: str) -> str:
        session.client.post(container_path(reference, "kill"), signal=flags.text("signal") or None)
        return reference

    return for_each(session, arguments, act)


COMMAND = Command(
    _run,
    "[OPTIONS] CONTAINER [CONTAINER...]",
    flags=(Flag("signal", "s", "string", "Signal to send to the container"),),
    minimum=1,
)
