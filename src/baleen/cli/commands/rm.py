"""`baleen rm`: remove containers."""

from __future__ import annotations

from baleen.cli.attachment import container_path
from baleen.cli.command import Command
from baleen.cli.each import for_each
from baleen.cli.flags import Flag
from baleen.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    force = flags.on("force")

    def act(reference: str) -> str | None:
        try:
            session.client.delete(
                container_path(reference),
                force=force or None,
                v=flags.on("volumes") or None,
                link=flags.on("link") or None,
            )
        except NotFound as err:
            if not force:
                raise
            session.warn(str(err))
            return None
        return reference

    return for_each(session, arguments, act)


COMMAND = Command(
    _run,
    "[OPTIONS] CONTAINER [CONTAINER...]",
    flags=(
        Flag("force", "f", "bool", "Force the removal of a running container (uses SIGKILL)"),
        Flag("link", "l", "bool", "Remove the specified link"),
        Flag("volumes", "v", "bool", "Remove anonymous volumes associated with the container"),
    ),
    minimum=1,
)
