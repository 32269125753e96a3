"""`baleen rm`: remove containers."""

from __future__ import annotations

from baleen.cli.attachment import container_path
from baleen.cli.command import Command
from baleen.cli.each import for_each_at_once
from baleen.cli.flags import Flag
from baleen.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.models import QueryValue

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    force = flags.on("force")

    query: dict[str, QueryValue] = {
        "force": force or None,
        "v": flags.on("volumes") or None,
        "link": flags.on("link") or None,
    }

    def begin(reference: str) -> Callable[[], str | None]:
        answer = session.client.begin("DELETE", container_path(reference), query)

        def finish() -> str | None:
            try:
                answer().json()
            except NotFound as err:
                if not force:
                    raise
                session.warn(str(err))
                return None
            return reference

        return finish

    return for_each_at_once(session, arguments, begin)


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
