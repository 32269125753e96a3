"""`baleen login`: check credentials with the engine.

The password is not stored: keeping credentials comes with pulling from registries.
"""

from __future__ import annotations

import sys

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.terminal import is_terminal
from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _credentials(session: Session, flags: Flags) -> tuple[str, str]:
    """Name and password, asked for where they were not given."""
    user, password = flags.text("username"), flags.text("password")
    from_stdin = flags.on("password-stdin") or flags.text("password") == "-"
    if flags.changed("username") and not user:
        raise InvalidArgument("username is empty")
    if flags.on("password-stdin") and password not in {"", "-"}:
        raise InvalidArgument(
            "conflicting options: cannot specify both --password and --password-stdin"
        )
    if from_stdin and not user:
        raise InvalidArgument("the --password-stdin option requires --username to be set")
    if from_stdin:
        password = sys.stdin.read().removesuffix("\n").removesuffix("\r")
        if not password:
            raise InvalidArgument("password is empty")
        return user, password
    if password:
        session.warn("WARNING! Using --password via the CLI is insecure. Use --password-stdin.")
    if user and password:
        return user, password
    if not is_terminal(0):
        raise InvalidArgument("Error: Cannot perform an interactive login from a non TTY device")
    import getpass

    user = user or input("Username: ")
    return user, password or getpass.getpass("Password: ")


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    user, password = _credentials(session, flags)
    answer = session.client.post(
        "/auth",
        {
            "username": user,
            "password": password,
            "serveraddress": arguments[0] if arguments else "https://index.docker.io/v1/",
        },
    )
    session.out(str((answer or {}).get("Status", "Login Succeeded")))
    return 0


COMMAND = Command(
    _run,
    "[OPTIONS] [SERVER]",
    flags=(
        Flag(
            "password", "p", "string", "Password or Personal Access Token, or - to read from stdin"
        ),
        Flag("password-stdin", "", "bool", "Take the password from stdin"),
        Flag("username", "u", "string", "Username"),
    ),
    maximum=1,
)
