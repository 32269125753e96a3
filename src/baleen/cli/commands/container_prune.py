"""`baleen container prune`: remove stopped containers."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.listing import FORCE, PRUNE_FILTER
from baleen.cli.pruning import confirm, prune_containers, report_space

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, _arguments: list[str]) -> int:
    if not confirm(flags, "This will remove all stopped containers."):
        return 0
    report_space(session, prune_containers(session, flags.value("filter")))
    return 0


COMMAND = Command(_run, "[OPTIONS]", flags=(FORCE, PRUNE_FILTER), maximum=0)
