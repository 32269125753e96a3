"""`baleen image inspect`: images as the engine describes them."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.inspecting import finder, inspect_all
from baleen.cli.parsing.platforms import platform_document

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    find = finder(session, "image", platform=platform_document(flags.text("platform")))
    return inspect_all(session, arguments, find, flags.text("format"))


COMMAND = Command(
    _run,
    "[OPTIONS] IMAGE [IMAGE...]",
    flags=(
        Flag("format", "f", "string", "Format output using a custom template: 'json' or Go's"),
        Flag("platform", "", "string", "Inspect a specific platform of the multi-platform image"),
    ),
    minimum=1,
)
