"""`baleen image prune`: remove images that nothing uses."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.listing import FORCE, PRUNE_FILTER
from baleen.cli.pruning import confirm, prune_images, report_space

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, _arguments: list[str]) -> int:
    everything = flags.on("all")
    warning = "This will remove all dangling images."
    if everything:
        warning = "This will remove all images without at least one container associated to them."
    if not confirm(flags, warning):
        return 0
    report_space(session, prune_images(session, flags.value("filter"), everything=everything))
    return 0


COMMAND = Command(
    _run,
    "[OPTIONS]",
    flags=(
        Flag("all", "a", "bool", "Remove all unused images, not just dangling ones"),
        FORCE,
        PRUNE_FILTER,
    ),
    maximum=0,
)
