"""`baleen registry gc`: collect a registry's garbage now; it may serve meanwhile."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.formatting.humanize import decimal_size
from baleen.cli.registry_settings import DATA, DRY_RUN, read_settings
from baleen.cli.terminal import write_out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    del session, arguments
    import asyncio

    from baleen.registry.maintenance import collect_once

    is_dry = flags.on("dry-run")
    report = asyncio.run(collect_once(read_settings(flags), dry_run=is_dry))
    verb = "Would remove" if is_dry else "Removed"
    write_out(
        f"{verb} {report.blobs} blobs ({decimal_size(report.size)}), {report.links} unused "
        f"references, {report.orphans} incomplete blobs, {report.uploads} stale uploads\n"
    )
    return 0


COMMAND = Command(_run, "[OPTIONS]", flags=(*DATA, DRY_RUN), maximum=0)
