"""`baleen push`: upload an image."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.parsing.references import split_reference
from baleen.cli.pulling import show_progress
from baleen.client.client import segment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    name, tag, _ = split_reference(arguments[0])
    if not tag and not flags.on("all-tags"):
        session.out("Using default tag: latest")
    response = session.client.request(
        "POST",
        f"/images/{segment(name, slashes=True)}/push",
        {
            "tag": None if flags.on("all-tags") else tag or "latest",
            "platform": flags.text("platform") or None,
        },
        # No credentials: `{}` in base64. Old engines insist on the header.
        headers={"X-Registry-Auth": "e30="},
    )
    show_progress(session, response.objects(), quiet=flags.on("quiet"))
    return 0


COMMAND = Command(
    _run,
    "[OPTIONS] NAME[:TAG]",
    flags=(
        Flag("all-tags", "a", "bool", "Push all tags of an image to the repository"),
        Flag("platform", "", "string", "Push a platform-specific manifest"),
        Flag("quiet", "q", "bool", "Suppress verbose output"),
    ),
    minimum=1,
    maximum=1,
)
