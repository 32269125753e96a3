"""`baleen push`: upload an image."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.parsing.platforms import platform_document
from baleen.cli.parsing.references import canonical_reference, split_reference
from baleen.cli.pulling import show_progress
from baleen.client.client import segment
from baleen.client.credentials import CredentialStore, registry_of
from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    name, tag, _ = split_reference(arguments[0])
    quiet, everything = flags.on("quiet"), flags.on("all-tags")
    if everything and tag:
        raise InvalidArgument("tag can't be used with --all-tags/-a")
    if not tag and not everything and not quiet:
        session.out("Using default tag: latest")
    auth = CredentialStore(session.config_directory).get(registry_of(name))
    response = session.client.request(
        "POST",
        f"/images/{segment(name, slashes=True)}/push",
        {
            "tag": None if everything else tag or "latest",
            "platform": platform_document(flags.text("platform")),
        },
        # Old engines insist on the header, with credentials or without.
        headers={"X-Registry-Auth": auth.header()},
    )
    show_progress(session, response.objects(), quiet=quiet)
    if quiet:
        session.out(canonical_reference(arguments[0], tagged=not everything))
    return 0


COMMAND = Command(
    _run,
    "[OPTIONS] NAME[:TAG]",
    flags=(
        Flag("all-tags", "a", "bool", "Push all tags of an image to the repository"),
        Flag("platform", "", "string", "Push one platform's manifest, without the index"),
        Flag("quiet", "q", "bool", "Suppress verbose output"),
    ),
    minimum=1,
    maximum=1,
)
