"""`baleen diff`: what changed in a container's file system."""

from __future__ import annotations

from baleen.cli.attachment import container_path
from baleen.cli.command import Command
from baleen.cli.terminal import neutralise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]

_KINDS = {0: "C", 1: "A", 2: "D"}


def _run(session: Session, _flags: Flags, arguments: list[str]) -> int:
    safe = session.out_is_terminal
    for change in session.client.get(container_path(arguments[0], "changes")) or ():
        path = str(change.get("Path", ""))
        session.out(f"{_KINDS.get(change.get('Kind'), '?')} {neutralise(path) if safe else path}")
    return 0


COMMAND = Command(_run, "CONTAINER", minimum=1, maximum=1)
