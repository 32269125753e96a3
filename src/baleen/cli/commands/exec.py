"""`baleen exec`: another process in a running container."""

from __future__ import annotations

import os
import select

from baleen.cli.attachment import Attachment, check_terminal, container_path, detach_keys
from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.parsing.environment import collect_environment
from baleen.cli.start_errors import start_exit_code
from baleen.cli.terminal import is_terminal
from baleen.errors import BaleenError, Internal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.models import JsonObject

__all__ = ["COMMAND"]

_FLAGS = (
    Flag("detach", "d", "bool", "Detached mode: run command in the background"),
    Flag("detach-keys", "", "string", "Override the key sequence for detaching a container"),
    Flag("env", "e", "list", "Set environment variables"),
    Flag("env-file", "", "list", "Read in a file of environment variables"),
    Flag("interactive", "i", "bool", "Keep STDIN open even if not attached"),
    Flag("privileged", "", "bool", "Give extended privileges to the command"),
    Flag("tty", "t", "bool", "Allocate a pseudo-TTY"),
    Flag("user", "u", "string", 'Username or UID (format: "<name|uid>[:<group|gid>]")'),
    Flag("workdir", "w", "string", "Working directory inside the container"),
)


def _body(flags: Flags, command: list[str], keys_text: str, *, detach: bool) -> JsonObject:
    body: JsonObject = {
        "Cmd": command,
        "AttachStdin": flags.on("interactive") and not detach,
        "AttachStdout": not detach,
        "AttachStderr": not detach,
        "Tty": flags.on("tty"),
    }
    environment = collect_environment(flags.texts("env-file"), flags.texts("env"), os.environ)
    for key, value in (
        ("Env", environment),
        ("User", flags.text("user")),
        ("WorkingDir", flags.text("workdir")),
        ("Privileged", flags.on("privileged")),
        ("DetachKeys", keys_text),
        ("ConsoleSize", _console_size() if flags.on("tty") and not detach else None),
    ):
        if value:
            body[key] = value
    return body


def _console_size() -> list[int] | None:
    from baleen.cli.tty import terminal_size

    size = terminal_size(1)
    return None if size is None else list(size)


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    detach, tty = flags.on("detach"), flags.on("tty")
    keys_text, keys = detach_keys(session, flags.text("detach-keys"))
    body = _body(flags, arguments[1:], keys_text, detach=detach)
    if not detach:
        check_terminal(tty=tty, stdin=flags.on("interactive"))
    answer = session.client.post(container_path(arguments[0], "exec"), body)
    identifier = answer.get("Id") if isinstance(answer, dict) else None
    if not isinstance(identifier, str) or not identifier:
        raise Internal("exec ID empty")
    path = f"/exec/{identifier}"
    try:
        if detach:
            session.client.post(f"{path}/start", {"Detach": True, "Tty": tty})
            return 0
        return _attached(session, path, body, keys)
    except BaleenError as err:
        code = start_exit_code(err)
        if code == 125:
            raise
        session.warn(str(err))
        return code


def _attached(session: Session, path: str, body: JsonObject, keys: bytes) -> int:
    tty = body["Tty"]
    start: JsonObject = {"Detach": False, "Tty": tty}
    if "ConsoleSize" in body:
        start["ConsoleSize"] = body["ConsoleSize"]
    attachment = Attachment(
        session.client,
        resize_path=f"{path}/resize",
        kill_path=None,
        tty=tty,
        stdin=body["AttachStdin"],
        sig_proxy=False,
    )
    with attachment:
        stream = session.client.hijack(f"{path}/start", body=start)
        try:
            if tty and is_terminal(1):
                _first_resize(attachment)
            if attachment.pump(stream, keys=keys):
                session.warn("read escape sequence")
                return 1
        finally:
            stream.close()
    state = session.client.get(f"{path}/json")
    code = state.get("ExitCode") if isinstance(state, dict) else None
    return code if isinstance(code, int) else 0


def _first_resize(attachment: Attachment) -> None:
    """Set the size; old engines refuse it until the process has really started."""
    for attempt in range(10):
        if attachment.resize():
            return
        select.poll().poll(10 * (attempt + 1))


COMMAND = Command(
    _run,
    "[OPTIONS] CONTAINER COMMAND [ARG...]",
    flags=_FLAGS,
    minimum=2,
    interspersed=False,
)
