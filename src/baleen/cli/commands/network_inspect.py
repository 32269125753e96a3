"""`baleen network inspect`: networks as the engine describes them."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.inspecting import finder, inspect_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    find = finder(session, "network", verbose=flags.on("verbose"))
    return inspect_all(session, arguments, find, flags.text("format"))


COMMAND = Command(
    _run,
    "[OPTIONS] NETWORK [NETWORK...]",
    flags=(
        Flag("format", "f", "string", "Format output using a custom template: 'json' or Go's"),
        Flag("verbose", "v", "bool", "Verbose output for diagnostics"),
    ),
    minimum=1,
)
