"""`baleen network rm`: remove networks."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.each import for_each
from baleen.cli.flags import Flag
from baleen.client.client import segment
from baleen.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    def act(reference: str) -> str | None:
        try:
            session.client.delete(f"/networks/{segment(reference)}")
        except NotFound:
            if not flags.on("force"):
                raise
            return None
        return reference

    return for_each(session, arguments, act)


COMMAND = Command(
    _run,
    "NETWORK [NETWORK...]",
    flags=(Flag("force", "f", "bool", "Do not error if the network does not exist"),),
    minimum=1,
)
