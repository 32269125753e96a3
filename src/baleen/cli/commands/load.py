"""`baleen load`: images from a tar archive."""

from __future__ import annotations

import os
import stat

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.parsing.platforms import platform_document
from baleen.cli.pulling import show_progress
from baleen.cli.terminal import is_terminal
from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND", "read_pieces"]

_PIECE = 256 * 1024


def read_pieces(descriptor: int) -> Iterator[bytes]:
    """The bytes of a descriptor until its end."""
    while data := os.read(descriptor, _PIECE):
        yield data


def _run(session: Session, flags: Flags, _arguments: list[str]) -> int:
    path = flags.text("input")
    if not path and is_terminal(0):
        raise InvalidArgument("requested load from stdin, but stdin is empty")
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC) if path else 0
    try:
        if path and stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise InvalidArgument(f"open {path}: is a directory")
        response = session.client.request(
            "POST",
            "/images/load",
            {"quiet": True, "platform": platform_document(flags.text("platform"))},
            upload=read_pieces(descriptor),
        )
        if response.head.headers.get("content-type", "").startswith("application/json"):
            show_progress(session, response.objects())
        else:
            for data in response:
                session.out(data.decode("utf-8", "replace").removesuffix("\n"))
    finally:
        if path:
            os.close(descriptor)
    return 0


COMMAND = Command(
    _run,
    "[OPTIONS]",
    flags=(
        Flag("input", "i", "string", "Read from tar archive file, instead of STDIN"),
        Flag("platform", "", "string", "Load only the given platform variant"),
        Flag("quiet", "q", "bool", "Suppress the load output"),
    ),
    maximum=0,
)
