"""`baleen start`: start containers, attached to one of them if asked."""

from __future__ import annotations

import contextlib

from baleen.cli.attachment import (
    Attachment,
    check_terminal,
    container_path,
    detach_keys,
    exit_code,
)
from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.errors import BaleenError, InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    if flags.on("attach") or flags.on("interactive"):
        if len(arguments) > 1:
            raise InvalidArgument("you cannot start and attach multiple containers at once")
        return _start_attached(session, flags, arguments[0])
    failed: list[str] = []
    for reference in arguments:
        try:
            session.client.post(
                container_path(reference, "start"),
                detachKeys=flags.text("detach-keys") or None,
            )
            session.out(reference)
        except BaleenError as err:
            session.warn(str(err))
            failed.append(reference)
    if failed:
        session.warn(f"Error: failed to start containers: {', '.join(failed)}")
        return 1
    return 0


def _start_attached(session: Session, flags: Flags, reference: str) -> int:
    container = session.client.get(container_path(reference, "json"))
    config = container.get("Config") or {}
    identifier = str(container["Id"])
    tty = bool(config.get("Tty"))
    stdin = flags.on("interactive") and bool(config.get("OpenStdin"))
    check_terminal(tty=tty, stdin=stdin)
    keys_text, keys = detach_keys(session, flags.text("detach-keys"))
    removes = bool((container.get("HostConfig") or {}).get("AutoRemove"))
    attachment = Attachment(
        session.client,
        resize_path=container_path(identifier, "resize"),
        kill_path=container_path(identifier, "kill"),
        tty=tty,
        stdin=stdin,
        sig_proxy=flags.on("sig-proxy"),
    )
    with contextlib.ExitStack() as stack:
        stack.enter_context(attachment)
        stream = session.client.hijack(
            container_path(identifier, "attach"),
            {
                "stream": True,
                "stdin": stdin,
                "stdout": True,
                "stderr": True,
                "detachKeys": keys_text or None,
            },
        )
        stack.callback(stream.close)
        wait = session.client.request(
            "POST",
            container_path(identifier, "wait"),
            {"condition": "removed" if removes else "next-exit"},
        )
        stack.callback(wait.close)
        session.client.post(container_path(identifier, "start"))
        if tty:
            attachment.resize()
        if attachment.pump(stream, keys=keys):
            session.warn("read escape sequence")
            return 0
        return exit_code(wait, attachment)


COMMAND = Command(
    _run,
    "[OPTIONS] CONTAINER [CONTAINER...]",
    flags=(
        Flag("attach", "a", "bool", "Attach STDOUT/STDERR and forward signals"),
        Flag("detach-keys", "", "string", "Override the key sequence for detaching a container"),
        Flag("interactive", "i", "bool", "Attach container's STDIN"),
        Flag("sig-proxy", "", "bool", "Proxy received signals to the process", default=True),
    ),
    minimum=1,
)
