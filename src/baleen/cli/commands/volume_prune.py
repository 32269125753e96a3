"""`baleen volume prune`: remove volumes without containers."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.listing import FORCE, PRUNE_FILTER
from baleen.cli.pruning import confirm, prune_volumes, report_space
from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, _arguments: list[str]) -> int:
    everything = flags.on("all")
    if everything and any(key == "all" for key, _ in flags.value("filter")):
        raise InvalidArgument("conflicting options: cannot specify both --all and --filter all=1")
    which = "all" if everything else "anonymous"
    warning = f"This will remove {which} local volumes not used by at least one container."
    if not confirm(flags, warning):
        return 0
    report_space(session, prune_volumes(session, flags.value("filter"), everything=everything))
    return 0


COMMAND = Command(
    _run,
    "[OPTIONS]",
    flags=(
        Flag("all", "a", "bool", "Remove all unused volumes, not just anonymous ones"),
        FORCE,
        PRUNE_FILTER,
    ),
    maximum=0,
)
