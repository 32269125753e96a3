"""`baleen registry retention`: apply a registry's retention rules now."""

from __future__ import annotations

from baleen.cli.command import Command
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

    from baleen.registry.maintenance import retain_once

    is_dry = flags.on("dry-run")
    verb = "would remove" if is_dry else "removed"
    for removal in asyncio.run(retain_once(read_settings(flags), dry_run=is_dry)):
        write_out(f"{verb} {removal}\n")
    return 0


COMMAND = Command(_run, "[OPTIONS]", flags=(*DATA, DRY_RUN), maximum=0)
