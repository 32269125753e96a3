"""`baleen history`: the steps that made an image."""

from __future__ import annotations

import time

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.formatting.humanize import ago, decimal_size, ellipsis, short_id
from baleen.cli.formatting.rows import Row
from baleen.cli.listing import FORMAT, NO_TRUNC, print_rows
from baleen.cli.parsing.platforms import platform_document
from baleen.client.client import segment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.models import JsonObject

__all__ = ["COMMAND"]

_HEADERS = {
    "ID": "IMAGE",
    "CreatedSince": "CREATED",
    "CreatedAt": "CREATED AT",
    "CreatedBy": "CREATED BY",
    "Size": "SIZE",
    "Comment": "COMMENT",
}


def _row(step: JsonObject, *, trunc: bool, human: bool, now: float) -> Row:
    identifier = str(step.get("Id") or "<missing>")
    created = int(step.get("Created") or 0)
    size = int(step.get("Size") or 0)
    by = " ".join(str(step.get("CreatedBy") or "").split("\t"))
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(created))
    return Row(
        {
            "ID": short_id(identifier) if trunc else identifier,
            "CreatedSince": (ago(created, now) if created else "N/A") if human else moment,
            "CreatedAt": moment,
            "CreatedBy": ellipsis(by, 45) if trunc else by,
            "Size": decimal_size(size, 3) if human else str(size),
            "Comment": str(step.get("Comment") or ""),
        },
        kind="*formatter.historyContext",
    )


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    steps = session.client.get(
        f"/images/{segment(arguments[0], slashes=True)}/history",
        platform=platform_document(flags.text("platform")),
    )
    now = time.time()
    trunc, human = not flags.on("no-trunc"), flags.on("human")
    created = "CreatedSince" if human else "CreatedAt"
    return print_rows(
        session,
        (_row(step, trunc=trunc, human=human, now=now) for step in steps or ()),
        form=flags.text("format"),
        default=f"{{{{.ID}}}}\t{{{{.{created}}}}}\t{{{{.CreatedBy}}}}\t{{{{.Size}}}}\t{{{{.Comment}}}}",
        headers=_HEADERS,
        quiet="ID" if flags.on("quiet") else "",
    )


COMMAND = Command(
    _run,
    "[OPTIONS] IMAGE",
    flags=(
        FORMAT,
        Flag("human", "H", "bool", "Print sizes and dates in human readable format", default=True),
        NO_TRUNC,
        Flag("platform", "", "string", "Show history for the given platform"),
        Flag("quiet", "q", "bool", "Only show image IDs"),
    ),
    minimum=1,
    maximum=1,
)
