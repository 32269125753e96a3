"""`baleen network disconnect`: take a container off a network."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.client.client import segment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    session.client.post(
        f"/networks/{segment(arguments[0])}/disconnect",
        {"Container": arguments[1], "Force": flags.on("force")},
    )
    return 0


COMMAND = Command(
    _run,
    "[OPTIONS] NETWORK CONTAINER",
    flags=(Flag("force", "f", "bool", "Force the container to disconnect from a network"),),
    minimum=2,
    maximum=2,
)
