"""`baleen stop`: a signal, and SIGKILL after the timeout."""

from __future__ import annotations

from baleen.cli.attachment import container_path
from baleen.cli.command import Command
from baleen.cli.each import for_each_at_once
from baleen.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.models import QueryValue

__all__ = ["COMMAND", "STOP_FLAGS", "begin_action", "run_action"]


def begin_action(
    session: Session, reference: str, action: str, query: dict[str, QueryValue] | None = None
) -> Callable[[], str]:
    """Ask for an action on a container; the function that waits for it and gives `reference`."""
    answer = session.client.begin("POST", container_path(reference, action), query)

    def finish() -> str:
        answer().json()
        return reference

    return finish


def run_action(session: Session, flags: Flags, arguments: list[str], action: str) -> int:
    """`stop` or `restart` each container."""
    timeout = None
    if flags.changed("time"):
        session.warn("Flag --time has been deprecated, use --timeout instead")
    for name in ("time", "timeout"):
        if flags.changed(name):
            timeout = flags.number(name)
    query: dict[str, QueryValue] = {"t": timeout, "signal": flags.text("signal") or None}
    return for_each_at_once(
        session, arguments, lambda reference: begin_action(session, reference, action, query)
    )


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    return run_action(session, flags, arguments, "stop")


STOP_FLAGS = (
    Flag("signal", "s", "string", "Signal to send to the container"),
    Flag("time", "", "int", "Seconds to wait before killing the container", hidden=True),
    Flag("timeout", "t", "int", "Seconds to wait before killing the container"),
)

COMMAND = Command(_run, "[OPTIONS] CONTAINER [CONTAINER...]", flags=STOP_FLAGS, minimum=1)
