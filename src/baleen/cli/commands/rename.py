"""`baleen rename`: another name for a container."""

from __future__ import annotations

from baleen.cli.attachment import container_path
from baleen.cli.command import Command
from baleen.errors import BaleenError, InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, _flags: Flags, arguments: list[str]) -> int:
    old, new = (text.strip() for text in arguments)
    if not old or not new:
        raise InvalidArgument("Error: Neither old nor new names may be empty")
    try:
        session.client.post(container_path(old, "rename"), name=new)
    except BaleenError as err:
        session.warn(f"{err}\nError: failed to rename container named {old}")
        return 1
    return 0


COMMAND = Command(_run, "CONTAINER NEW_NAME", minimum=2, maximum=2)
