"""`baleen registry issuer`: run a token server for registries elsewhere, in the foreground."""

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
    from baleen.registry.auth.token_server import serve_tokens

    file = arguments[0] if arguments else ""
    return serve_tokens(read_settings(flags, file=file, REGISTRY_HTTP_ADDR=flags.text("addr")))


COMMAND = Command(
    _run,
    "[OPTIONS] [CONFIG]",
    flags=(Flag("addr", "", "string", 'Address to listen on (default ":5000")'), *DATA),
    maximum=1,
)
