"""`baleen tag`: another name for an image."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.parsing.references import split_reference
from baleen.client.client import segment
from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, _flags: Flags, arguments: list[str]) -> int:
    name, tag, digest = split_reference(arguments[1])
    if digest:
        raise InvalidArgument("refusing to create a tag with a digest reference")
    session.client.post(
        f"/images/{segment(arguments[0], slashes=True)}/tag", repo=name, tag=tag or "latest"
    )
    return 0


COMMAND = Command(_run, "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]", minimum=2, maximum=2)
