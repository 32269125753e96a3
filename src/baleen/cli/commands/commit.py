"""`baleen commit`: an image from a container's changes."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.parsing.references import split_reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    name, tag, _ = split_reference(arguments[1]) if len(arguments) > 1 else ("", "", "")
    answer = session.client.post(
        "/commit",
        {},
        container=arguments[0],
        repo=name or None,
        tag=tag or None,
        comment=flags.text("message") or None,
        author=flags.text("author") or None,
        changes=flags.texts("change"),
        pause=flags.on("pause"),
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
        Flag("pause", "p", "bool", "Pause container during commit", default=True),
    ),
    minimum=1,
    maximum=2,
)
