"""`baleen registry serve`: run a registry in the foreground."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.registry_settings import DATA, read_settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    del session
    from baleen.registry.server import serve

    return serve(
        read_settings(
            flags,
            file=arguments[0] if arguments else "",
            REGISTRY_HTTP_ADDR=flags.text("addr"),
            REGISTRY_STORAGE_DELETE_ENABLED="true" if flags.on("delete") else "",
        )
    )


COMMAND = Command(
    _run,
    "[OPTIONS] [CONFIG]",
    flags=(
        Flag("addr", "", "string", 'Address to listen on (default ":5000")'),
        *DATA,
        Flag("delete", "", "bool", "Allow deletion of manifests, tags and blobs"),
    ),
    maximum=1,
)
