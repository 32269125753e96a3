"""`baleen save`: images as a tar archive."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.download import check_destination, save_stream
from baleen.cli.flags import Flag
from baleen.cli.parsing.platforms import platform_document

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    path = flags.text("output")
    check_destination(path, "save", "image")
    save_stream(
        path,
        lambda: session.client.request(
            "GET",
            "/images/get",
            {"names": arguments, "platform": platform_document(flags.text("platform"))},
        ),
    )
    return 0


COMMAND = Command(
    _run,
    "[OPTIONS] IMAGE [IMAGE...]",
    flags=(
        Flag("output", "o", "string", "Write to a file, instead of STDOUT"),
        Flag("platform", "", "string", "Save only the given platform variant"),
    ),
    minimum=1,
)
