"""`baleen volume rm`: remove volumes."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.each import for_each
from baleen.cli.flags import Flag
from baleen.client.client import segment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    def act(reference: str) -> str:
        session.client.delete(f"/volumes/{segment(reference)}", force=flags.on("force") or None)
        return reference

    return for_each(session, arguments, act)


COMMAND = Command(
    _run,
    "[OPTIONS] VOLUME [VOLUME...]",
    flags=(Flag("force", "f", "bool", "Force the removal of one or more volumes"),),
    minimum=1,
)
