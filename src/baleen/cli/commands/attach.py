"""`baleen attach`: the streams of a running container."""

from __future__ import annotations

from baleen.cli.attachment import (
    Attachment,
    check_terminal,
    container_path,
    detach_keys,
    exit_code,
)
from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.errors import FailedPrecondition

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.models import JsonObject

__all__ = ["COMMAND"]


def _check_state(state: JsonObject) -> None:
    if not state.get("Running"):
        raise FailedPrecondition("cannot attach to a stopped container, start it first")
    if state.get("Paused"):
        raise FailedPrecondition("cannot attach to a paused container, unpause it first")
    if state.get("Restarting"):
        raise FailedPrecondition(
            "cannot attach to a restarting container, wait until it is running"
        )


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    reference = arguments[0]
    container = session.client.get(container_path(reference, "json"))
    _check_state(container.get("State") or {})
    config = container.get("Config") or {}
    tty = bool(config.get("Tty"))
    stdin = bool(config.get("OpenStdin")) and not flags.on("no-stdin")
    check_terminal(tty=tty, stdin=stdin)
    keys_text, keys = detach_keys(session, flags.text("detach-keys"))
    attachment = Attachment(
        session.client,
        resize_path=container_path(reference, "resize"),
        kill_path=container_path(reference, "kill"),
        tty=tty,
        stdin=stdin,
        sig_proxy=flags.on("sig-proxy"),
    )
    with attachment:
        wait = session.client.request("POST", container_path(reference, "wait"))
        stream = session.client.hijack(
            container_path(reference, "attach"),
            {
                "stream": True,
                "stdin": stdin,
                "stdout": True,
                "stderr": True,
                "detachKeys": keys_text or None,
            },
        )
        try:
            if tty:
                attachment.resize()
            if attachment.pump(stream, keys=keys):
                session.warn("read escape sequence")
                return 1
            return exit_code(wait, attachment)
        finally:
            stream.close()
            wait.close()


COMMAND = Command(
    _run,
    "[OPTIONS] CONTAINER",
    flags=(
        Flag("detach-keys", "", "string", "Override the key sequence for detaching a container"),
        Flag("no-stdin", "", "bool", "Do not attach STDIN"),
        Flag("sig-proxy", "", "bool", "Proxy all received signals to the process", default=True),
    ),
    minimum=1,
    maximum=1,
)
