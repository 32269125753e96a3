"""`baleen pull`: download an image."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.parsing.references import canonical_reference, familiar_reference, split_reference
from baleen.cli.pulling import pull_image
from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    image, quiet, everything = arguments[0], flags.on("quiet"), flags.on("all-tags")
    _, tag, digest = split_reference(image)
    if everything and (tag or digest):
        raise InvalidArgument("tag can't be used with --all-tags/-a")
    if not everything and not quiet and familiar_reference(image) != image:
        session.out("Using default tag: latest")
    pull_image(
        session,
        image,
        platform=flags.text("platform"),
        quiet=quiet,
        all_tags=everything,
        to_stdout=True,
    )
    session.out(canonical_reference(image, tagged=not everything))
    return 0


COMMAND = Command(
    _run,
    "[OPTIONS] NAME[:TAG|@DIGEST]",
    flags=(
        Flag("all-tags", "a", "bool", "Download all tagged images in the repository"),
        Flag("platform", "", "string", "Set platform if server is multi-platform capable"),
        Flag("quiet", "q", "bool", "Suppress verbose output"),
    ),
    minimum=1,
    maximum=1,
)
