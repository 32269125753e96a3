"""`baleen system prune`: remove everything that nothing uses."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.listing import FORCE, PRUNE_FILTER
from baleen.cli.pruning import (
    confirm,
    prune_builds,
    prune_containers,
    prune_images,
    prune_networks,
    prune_volumes,
    report_space,
)
from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, _arguments: list[str]) -> int:
    filters: list[tuple[str, str]] = flags.value("filter")
    volumes, everything = flags.on("volumes"), flags.on("all")
    if volumes and any(key == "until" for key, _ in filters):
        raise InvalidArgument('the "until" filter is not supported with "--volumes"')
    targets = ["all stopped containers", "all networks not used by at least one container"]
    if volumes:
        targets.append("all anonymous volumes not used by at least one container")
    targets.append(
        "all images without at least one container associated to them"
        if everything
        else "all dangling images"
    )
    targets.append("unused build cache")
    warning = "This will remove:\n" + "\n".join(f"  - {target}" for target in targets) + "\n"
    if not confirm(flags, warning):
        return 0
    size = prune_containers(session, filters)
    prune_networks(session, filters)
    if volumes:
        size += prune_volumes(session, filters, everything=False)
    size += prune_images(session, filters, everything=everything)
    # The cache has no labels.
    kept = [(key, value) for key, value in filters if key == "until"]
    if kept == filters:
        size += prune_builds(session, kept, everything=everything)
    report_space(session, size)
    return 0


COMMAND = Command(
    _run,
    "[OPTIONS]",
    flags=(
        Flag("all", "a", "bool", "Remove all unused images not just dangling ones"),
        PRUNE_FILTER,
        FORCE,
        Flag("volumes", "", "bool", "Prune anonymous volumes"),
    ),
    maximum=0,
)
