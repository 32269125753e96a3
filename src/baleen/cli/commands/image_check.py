"""`baleen image check`: are all images whole; exit code 1 when something is missing or corrupt."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.formatting.humanize import decimal_size
from baleen.cli.own_endpoints import ask, print_json
from baleen.cli.terminal import write_out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.models import JsonObject

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, _arguments: list[str]) -> int:
    found = ask(session, "POST", "/images/check")
    problems: list[JsonObject] = found["Problems"]
    if flags.on("json"):
        print_json(found)
    else:
        for problem in problems:
            images: list[str] = problem["Images"]
            write_out(f"{problem['Digest']} {problem['Problem']}: {', '.join(images)}\n")
        size = decimal_size(int(found["Bytes"]))
        write_out(
            f"{found['Images']} images, {found['Blobs']} blobs, {size} read: "
            f"{len(problems) or 'no'} problem{'s' * (len(problems) != 1)}\n"
        )
        if problems:
            write_out("Pull or load these images again: what is damaged is brought anew.\n")
    return 1 if problems else 0


COMMAND = Command(
    _run,
    "[OPTIONS]",
    flags=(Flag("json", "", "bool", "Print the facts as JSON"),),
    maximum=0,
)
