"""`baleen run`: create, attach, wait, start, carry the streams, exit as the container did."""

from __future__ import annotations

import contextlib

from baleen.cli.attachment import (
    Attachment,
    check_terminal,
    container_path,
    detach_keys,
    exit_code,
    read_wait,
)
from baleen.cli.command import Command
from baleen.cli.container_create import create_container
from baleen.cli.container_flags import CONTAINER_FLAGS
from baleen.cli.flags import Flag
from baleen.cli.start_errors import start_exit_code
from baleen.cli.streaming import wait_readable
from baleen.errors import BaleenError, InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.client import HijackedStream, Response
    from baleen.client.models import JsonObject

__all__ = ["COMMAND"]

_REMOVAL_TIMEOUT_S = 10.0

_FLAGS = (
    Flag("detach", "d", "bool", "Run container in background and print container ID"),
    Flag("detach-keys", "", "string", "Override the key sequence for detaching a container"),
    Flag("sig-proxy", "", "bool", "Proxy received signals to the process", default=True),
)


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    detach = flags.on("detach")
    try:
        _check_streams(flags, detach=detach)
    except BaleenError as err:
        session.warn(err.message)
        return 1
    keys_text, keys = detach_keys(session, flags.text("detach-keys"))
    identifier, body = create_container(session, flags, arguments, detach=detach)
    if detach:
        return _start_detached(session, identifier)
    with _attachment(session, identifier, body, sig_proxy=flags.on("sig-proxy")) as attachment:
        return _run_attached(
            session, identifier, body, attachment, keys_text, keys, remove=flags.on("rm")
        )


def _check_streams(flags: Flags, *, detach: bool) -> None:
    if not detach:
        stdin = flags.on("interactive") and (
            not flags.changed("attach") or "stdin" in flags.texts("attach")
        )
        check_terminal(tty=flags.on("tty"), stdin=stdin)
    elif flags.changed("attach"):
        raise InvalidArgument("conflicting options: cannot specify both --attach and --detach")


def _start_detached(session: Session, identifier: str) -> int:
    try:
        session.client.post(container_path(identifier, "start"))
    except BaleenError as err:
        session.out(identifier)
        return _start_failed(session, err)
    session.out(identifier)
    return 0


def _attachment(
    session: Session, identifier: str, body: JsonObject, *, sig_proxy: bool
) -> Attachment:
    return Attachment(
        session.client,
        resize_path=container_path(identifier, "resize"),
        kill_path=container_path(identifier, "kill"),
        tty=body["Tty"],
        stdin=body["AttachStdin"],
        sig_proxy=sig_proxy,
    )


def _attach(
    session: Session, identifier: str, body: JsonObject, keys_text: str
) -> HijackedStream | None:
    streams = {name: body[f"Attach{name.capitalize()}"] for name in ("stdin", "stdout", "stderr")}
    if not any(streams.values()):
        return None
    return session.client.hijack(
        container_path(identifier, "attach"),
        {"stream": True, **streams, "detachKeys": keys_text or None},
    )


def _run_attached(
    session: Session,
    identifier: str,
    body: JsonObject,
    attachment: Attachment,
    keys_text: str,
    keys: bytes,
    *,
    remove: bool,
) -> int:
    with contextlib.ExitStack() as stack:
        stream = _attach(session, identifier, body, keys_text)
        if stream is not None:
            stack.callback(stream.close)
        condition = "removed" if remove else "next-exit"
        # Before the start, so that no exit can be missed.
        wait = session.client.request(
            "POST", container_path(identifier, "wait"), {"condition": condition}
        )
        stack.callback(wait.close)
        try:
            session.client.post(container_path(identifier, "start"))
        except BaleenError as err:
            if stream is not None:
                stream.close()
            if remove:
                _await_removal(wait)
            return _start_failed(session, err)
        if body["Tty"]:
            attachment.resize()
        if stream is not None:
            output = body["AttachStdout"] or body["AttachStderr"]
            if attachment.pump(stream, keys=keys, output_ends=output):
                session.warn("read escape sequence")
                return 0
            if not output:
                return 0
        return exit_code(wait, attachment)


def _await_removal(wait: Response) -> None:
    """Let the engine remove the container that did not start, so that its name is free."""
    with contextlib.suppress(BaleenError):
        if wait_readable(wait, None, None, timeout_s=_REMOVAL_TIMEOUT_S):
            read_wait(wait)


def _start_failed(session: Session, err: BaleenError) -> int:
    session.warn(f"baleen: {err}\n\nRun '{session.command_name} --help' for more information")
    return start_exit_code(err)


COMMAND = Command(
    _run,
    "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    flags=tuple(sorted((*CONTAINER_FLAGS, *_FLAGS), key=lambda flag: flag.name)),
    minimum=1,
    interspersed=False,
    own_code=125,
)
