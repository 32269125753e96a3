"""`baleen builder prune`: remove build cache."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.listing import FORCE, PRUNE_FILTER
from baleen.cli.parsing.quantities import parse_size
from baleen.cli.pruning import confirm, prune_builds, report_space

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, _arguments: list[str]) -> int:
    everything = flags.on("all")
    warning = "This will remove all dangling build cache."
    if everything:
        warning = "This will remove all build cache."
    if not confirm(flags, warning):
        return 0
    size = prune_builds(
        session,
        flags.value("filter"),
        everything=everything,
        keep=flags.value("keep-storage") or flags.value("reserved-space"),
        maximum=flags.value("max-used-space"),
        free=flags.value("min-free-space"),
    )
    report_space(session, size)
    return 0


COMMAND = Command(
    _run,
    "[OPTIONS]",
    flags=(
        Flag("all", "a", "bool", "Remove all unused build cache, not just dangling ones"),
        PRUNE_FILTER,
        FORCE,
        Flag(
            "keep-storage", "", "bytes", "Amount of disk space to keep for cache", parse=parse_size
        ),
        Flag("max-used-space", "", "bytes", "Maximum space the cache may take", parse=parse_size),
        Flag("min-free-space", "", "bytes", "Target amount of free disk space", parse=parse_size),
        Flag("reserved-space", "", "bytes", "Space always kept for the cache", parse=parse_size),
    ),
    maximum=0,
)
