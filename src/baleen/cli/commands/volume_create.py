"""`baleen volume create`: a volume."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.parsing.environment import check_label, collect_labels, collect_map
from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.models import JsonObject

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    name = flags.text("name")
    if arguments:
        if name:
            raise InvalidArgument(
                "conflicting options: cannot specify a volume-name through both "
                "--name and as a positional arg"
            )
        name = arguments[0]
    body: JsonObject = {
        "Driver": flags.text("driver"),
        "DriverOpts": collect_map(flags.texts("opt")),
        "Labels": collect_labels([], flags.texts("label")),
    }
    if name:
        body["Name"] = name
    answer = session.client.post("/volumes/create", body)
    session.out(str((answer or {}).get("Name", name)))
    return 0


COMMAND = Command(
    _run,
    "[OPTIONS] [VOLUME]",
    flags=(
        Flag("driver", "d", "string", "Specify volume driver name", default="local"),
        Flag("label", "", "list", "Set metadata for a volume", parse=check_label),
        Flag("name", "", "string", "Specify volume name", hidden=True),
        Flag("opt", "o", "map", "Set driver specific options"),
    ),
    maximum=1,
)
