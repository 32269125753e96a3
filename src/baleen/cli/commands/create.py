"""`baleen create`: a container that is not started."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.container_create import create_container
from baleen.cli.container_flags import CONTAINER_FLAGS
from baleen.errors import AlreadyExists, BaleenError, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    try:
        identifier, _ = create_container(session, flags, arguments, detach=False)
    except BaleenError as err:
        if "status" not in err.details and not isinstance(err, Unavailable | AlreadyExists):
            raise
        # What the engine refuses, or an id file that is there, is no mistake of the command line.
        session.warn(str(err))
        return 1
    session.out(identifier)
    return 0


COMMAND = Command(
    _run,
    "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    flags=CONTAINER_FLAGS,
    minimum=1,
    interspersed=False,
    own_code=125,
)
