"""The console socket: the terminal's master end goes to whoever asked for the container.

See: runc docs/terminals.md, Detached; unix(7), SCM_RIGHTS.
"""

from __future__ import annotations

import os
import socket

from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.linux.fd import Fd

__all__ = ["check", "connect", "hand_over"]


def check(*, terminal: bool, detached: bool, path: str) -> None:
    """Refuse what cannot go together, with runc's words."""
    if terminal and detached and not path:
        raise InvalidArgument(
            "cannot allocate tty if baleen-runtime will detach without setting console socket"
        )
    if path and not (terminal and detached):
        raise InvalidArgument(
            "cannot use console socket if baleen-runtime will not detach or allocate tty"
        )


def connect(path: str) -> socket.socket:
    """A connection to the socket at `path`. Raises InvalidArgument."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        connection.connect(os.fsencode(path))
    except OSError as error:
        connection.close()
        reason = error.strerror or error
        raise InvalidArgument(f"cannot connect to the console socket {path}: {reason}") from error
    return connection


def hand_over(connection: socket.socket, master: Fd) -> None:
    """Send the descriptor with its name, and close both."""
    with connection, master:
        socket.send_fds(connection, [b"/dev/ptmx"], [master.fileno()])
