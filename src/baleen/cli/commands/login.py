"""`baleen login`: check credentials with the engine.

The password is read from standard input or the terminal, never from the command line (D15), and
is not stored: keeping credentials comes with pulling from registries.
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


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    user = flags.text("username")
    if flags.on("password-stdin"):
        if not user:
            raise InvalidArgument("must provide --username with --password-stdin")
        password = sys.stdin.readline().rstrip("\r\n")
    elif not is_terminal(0):
        raise InvalidArgument("cannot perform an interactive login from a non TTY device")
    else:
        import getpass

        user = user or input("Username: ")
        password = getpass.getpass("Password: ")
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
        Flag("password-stdin", "", "bool", "Take the password from stdin"),
        Flag("username", "u", "string", "Username"),
    ),
    maximum=1,
)
