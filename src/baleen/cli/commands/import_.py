"""`baleen import`: an image from a tar archive of a file system."""

from __future__ import annotations

import os

from baleen.cli.command import Command
from baleen.cli.commands.load import read_pieces
from baleen.cli.flags import Flag
from baleen.cli.parsing.references import split_reference
from baleen.cli.pulling import show_progress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.models import QueryValue

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    source = arguments[0]
    name, tag, _ = split_reference(arguments[1]) if len(arguments) > 1 else ("", "", "")
    remote = source.startswith(("http://", "https://"))
    query: dict[str, QueryValue] = {
        "fromSrc": source if remote else "-",
        "repo": name or None,
        "tag": tag or None,
        "message": flags.text("message") or None,
        "changes": flags.texts("change"),
        "platform": flags.text("platform") or None,
    }
    local = not remote and source != "-"
    descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC) if local else 0
    try:
        upload = None if remote else read_pieces(descriptor)
        response = session.client.request("POST", "/images/create", query, upload=upload)
        show_progress(session, response.objects())
    finally:
        if local:
            os.close(descriptor)
    return 0


COMMAND = Command(
    _run,
    "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
    flags=(
        Flag("change", "c", "list", "Apply Dockerfile instruction to the created image"),
        Flag("message", "m", "string", "Set commit message for imported image"),
        Flag("platform", "", "string", "Set platform if server is multi-platform capable"),
    ),
    minimum=1,
    maximum=2,
)
