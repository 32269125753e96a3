"""`baleen export`: a container's file system as a tar archive."""

from __future__ import annotations

from baleen.cli.attachment import container_path
from baleen.cli.command import Command
from baleen.cli.download import check_destination, save_stream
from baleen.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    path = flags.text("output")
    check_destination(path, "export", "container")
    save_stream(path, lambda: session.client.request("GET", container_path(arguments[0], "export")))
    return 0


COMMAND = Command(
    _run,
    "[OPTIONS] CONTAINER",
    flags=(Flag("output", "o", "string", "Write to a file, instead of STDOUT"),),
    minimum=1,
    maximum=1,
)
