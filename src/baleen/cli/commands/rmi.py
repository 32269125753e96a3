"""`baleen rmi`: remove images."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.each import for_each
from baleen.cli.flags import Flag
from baleen.cli.parsing.platforms import platform_document
from baleen.client.client import segment
from baleen.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    force = flags.on("force")

    platforms = [platform_document(text) or "" for text in flags.texts("platform")]

    def act(reference: str) -> None:
        try:
            answer = session.client.delete(
                f"/images/{segment(reference, slashes=True)}",
                force=force or None,
                noprune=flags.on("no-prune") or None,
                platforms=platforms or None,
            )
        except NotFound as err:
            if not force:
                raise
            session.warn(str(err))
            return
        for item in answer or ():
            for kind in ("Untagged", "Deleted"):
                if item.get(kind):
                    session.out(f"{kind}: {item[kind]}")

    return for_each(session, arguments, act)


COMMAND = Command(
    _run,
    "[OPTIONS] IMAGE [IMAGE...]",
    flags=(
        Flag("force", "f", "bool", "Force removal of the image"),
        Flag("no-prune", "", "bool", "Do not delete untagged parents"),
        Flag("platform", "", "strings", "Remove only the given platform variant"),
    ),
    minimum=1,
)
