"""`baleen update`: change the limits of containers."""

from __future__ import annotations

from baleen.cli.attachment import container_path
from baleen.cli.command import Command
from baleen.cli.container_config import resources
from baleen.cli.container_flags import RESOURCE_FLAGS
from baleen.cli.each import for_each
from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    body = resources(flags)
    if not body:
        raise InvalidArgument("you must provide one or more flags when using this command")

    def act(reference: str) -> str:
        answer = session.client.post(container_path(reference, "update"), body)
        for warning in (answer or {}).get("Warnings") or ():
            session.warn(str(warning))
        return reference

    return for_each(session, arguments, act)


COMMAND = Command(_run, "[OPTIONS] CONTAINER [CONTAINER...]", flags=RESOURCE_FLAGS, minimum=1)
