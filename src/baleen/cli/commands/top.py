"""`baleen top`: the processes of a container."""

from __future__ import annotations

from baleen.cli.attachment import container_path
from baleen.cli.command import Command
from baleen.cli.formatting.table import align
from baleen.cli.terminal import neutralise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, _flags: Flags, arguments: list[str]) -> int:
    answer = session.client.get(
        container_path(arguments[0], "top"), ps_args=" ".join(arguments[1:]) or None
    )
    lines: list[list[str]] = [answer.get("Titles") or [], *(answer.get("Processes") or [])]
    if session.out_is_terminal:
        lines = [[neutralise(cell) for cell in line] for line in lines]
    for text in align(lines, minimum=20):
        session.out(text)
    return 0


COMMAND = Command(_run, "CONTAINER [ps OPTIONS]", minimum=1, interspersed=False)
