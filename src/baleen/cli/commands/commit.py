"""`baleen commit`: an image from a container's changes."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.parsing.references import split_reference
from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    name, tag, digest = split_reference(arguments[1]) if len(arguments) > 1 else ("", "", "")
    if digest:
        raise InvalidArgument("refusing to create a tag with a digest reference")
    if name and not tag:
        tag = "latest"
    if flags.changed("pause") and flags.changed("no-pause"):
        raise InvalidArgument("conflicting options: --no-pause and --pause cannot be used together")
    pause = flags.on("pause") and not flags.on("no-pause")
    answer = session.client.post(
        "/commit",
        {},
        container=arguments[0],
        repo=name or None,
        tag=tag or None,
        comment=flags.text("message") or None,
        author=flags.text("author") or None,
        changes=flags.texts("change"),
        pause=None if pause else False,
    )
    session.out(str((answer or {}).get("Id", "")))
    return 0


COMMAND = Command(
    _run,
    "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
    flags=(
        Flag("author", "a", "string", 'Author (e.g., "John Hannibal Smith <h@a-team.com>")'),
        Flag("change", "c", "list", "Apply Dockerfile instruction to the created image"),
        Flag("message", "m", "string", "Commit message"),
        Flag("no-pause", "", "bool", "Disable pausing container during commit"),
        Flag("pause", "p", "bool", "Pause container during commit", default=True, hidden=True),
    ),
    minimum=1,
    maximum=2,
)
