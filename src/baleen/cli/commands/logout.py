"""`baleen logout`: forget the credentials for a registry. The engine is not asked."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.client.credentials import INDEX_SERVER, CredentialStore, hostname

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    del flags
    server = arguments[0] if arguments else INDEX_SERVER
    servers, shown = [server], server
    if server == "docker.io":
        servers, shown = [INDEX_SERVER], INDEX_SERVER
    elif server != INDEX_SERVER:
        shown = hostname(server)
        # Files of other programs have any of these.
        servers = [*dict.fromkeys((server, shown, f"http://{shown}", f"https://{shown}"))]
    session.out(f"Removing login credentials for {shown}")
    failed = CredentialStore(session.config_directory).erase(servers)
    if failed:
        session.warn("WARNING: could not erase credentials:")
        for line in failed:
            session.warn(line)
    return 0


COMMAND = Command(_run, "[SERVER]", maximum=1)
