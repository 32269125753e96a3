"""`baleen network prune`: remove networks without containers."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.listing import FORCE, PRUNE_FILTER
from baleen.cli.pruning import confirm, prune_networks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, _arguments: list[str]) -> int:
    if not confirm(
        flags, "This will remove all custom networks not used by at least one container."
    ):
        return 0
    prune_networks(session, flags.value("filter"))
    return 0


COMMAND = Command(_run, "[OPTIONS]", flags=(FORCE, PRUNE_FILTER), maximum=0)
