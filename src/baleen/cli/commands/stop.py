"""`baleen stop`: a signal, and SIGKILL after the timeout."""

from __future__ import annotations

from baleen.cli.attachment import container_path
from baleen.cli.command import Command
from baleen.cli.each import for_each
from baleen.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND", "STOP_FLAGS", "run_action"]


def run_action(session: Session, flags: Flags, arguments: list[str], action: str) -> int:
    """`stop` or `restart` each container."""
    timeout = None
    for name in ("timeout", "time"):
        if flags.changed(name):
            timeout = flags.number(name)

    def act(reference: str) -> str:
        session.client.post(
            container_path(reference, action), t=timeout, signal=flags.text("signal") or None
        )
        return reference

    return for_each(session, arguments, act)


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    return run_action(session, flags, arguments, "stop")


STOP_FLAGS = (
    Flag("signal", "s", "string", "Signal to send to the container"),
    Flag("time", "", "int", "Seconds to wait before killing the container", hidden=True),
    Flag("timeout", "t", "int", "Seconds to wait before killing the container"),
)

COMMAND = Command(_run, "[OPTIONS] CONTAINER [CONTAINER...]", flags=STOP_FLAGS, minimum=1)
