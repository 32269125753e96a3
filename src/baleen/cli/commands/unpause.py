"""`baleen unpause`: thaw containers."""

from __future__ import annotations

from baleen.cli.attachment import container_path
from baleen.cli.command import Command
from baleen.cli.each import for_each

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, _flags: Flags, arguments: list[str]) -> int:
    def act(reference: str) -> str:
        session.client.post(container_path(reference, "unpause"))
        return reference

    return for_each(session, arguments, act)


COMMAND = Command(_run, "CONTAINER [CONTAINER...]", minimum=1)
