"""A shell in what a failed step has left (`--on-error shell`).

The root as the step's process left it was kept as an image without a name, with the step's
directory, environment and user; a container of it runs the shell, and both are removed after it.
"""

from __future__ import annotations

import contextlib

from baleen.cli.flags import parse_flags
from baleen.cli.session import Session
from baleen.errors import BaleenError

__all__ = ["open_shell"]


def open_shell(session: Session, image: str, *, shell: str = "/bin/sh") -> int:
    """Run the shell on this terminal until it ends; its exit code."""
    from baleen.cli.registry import load
    from baleen.cli.terminal import is_terminal

    session.warn(f"opening {shell} in what the step has left; it is removed afterwards")
    command = load("run")
    words = ["--rm", "--interactive", "--entrypoint", shell, image]
    if is_terminal(0):
        words.insert(0, "--tty")
    flags, arguments = parse_flags(command.flags, words, interspersed=False)
    own = Session(session.host_flags, "baleen run", command)
    try:
        return command.run(own, flags, arguments)
    finally:
        own.close()
        with contextlib.suppress(BaleenError):
            session.client.delete(f"/images/{image}")
