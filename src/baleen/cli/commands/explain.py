"""`baleen explain`: what isolates a container, or would isolate one that is not made yet."""

from __future__ import annotations

import os

from baleen import errors
from baleen.cli.command import Command, UsageError
from baleen.cli.container_flags import CONTAINER_FLAGS
from baleen.cli.flags import Flag
from baleen.cli.terminal import terminal_width, write_out
from baleen.client.client import segment
from baleen.errors import DataLoss, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.models import JsonObject

__all__ = ["COMMAND"]

_ROOT = "/baleen/v1/containers"
_UNKNOWN_FORM = "the engine's explanation has a form that this program does not know"

_FLAGS = (
    Flag("dry-run", "", "bool", "Explain a container that would be made of IMAGE; make nothing"),
    Flag("json", "", "bool", "Print the facts and reasons as JSON"),
)


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    dry_run, as_json = flags.on("dry-run"), flags.on("json")
    if not dry_run:
        # One argument is all there can be, so what follows it is ours.
        arguments, dry_run, as_json = _trailing(arguments, as_json=as_json)
    ask = _ask_about_image if dry_run else _ask_about_container
    found = ask(session, flags, arguments)
    if as_json:
        import json

        write_out(json.dumps(found, indent=4, ensure_ascii=False) + "\n")
        return 0
    from baleen.cli.explanation import render
    from baleen.cli.page import WIDTH

    is_terminal = session.out_is_terminal
    width = terminal_width(WIDTH) if is_terminal else WIDTH
    colour = is_terminal and not os.environ.get("NO_COLOR")
    try:
        text = render(found, width=width, colour=colour)
    except (AttributeError, KeyError, TypeError, ValueError) as err:
        raise DataLoss(f"{_UNKNOWN_FORM} ({type(err).__name__}: {err}); try --json") from err
    write_out(text)
    return 0


def _trailing(arguments: list[str], *, as_json: bool) -> tuple[list[str], bool, bool]:
    """Return the arguments without flags of ours at their end, and the two flags."""
    dry_run = False
    while len(arguments) > 1 and arguments[-1] in {"--json", "--dry-run"}:
        if arguments[-1] == "--json":
            as_json = True
        else:
            dry_run = True
        arguments = arguments[:-1]
    return arguments, dry_run, as_json


def _ask_about_container(session: Session, flags: Flags, arguments: list[str]) -> JsonObject:
    if len(arguments) > 1:
        raise UsageError(
            f"'{session.command_name}' requires 1 argument: the container "
            "(--dry-run explains an image and a command)"
        )
    for flag in CONTAINER_FLAGS:
        if flags.changed(flag.name):
            raise UsageError(f"--{flag.name} describes a new container: it needs --dry-run")
    return _request(session, "GET", f"{_ROOT}/{segment(arguments[0])}/explain")


def _ask_about_image(session: Session, flags: Flags, arguments: list[str]) -> JsonObject:
    from baleen.cli.container_config import create_body
    from baleen.cli.parsing.references import split_reference

    image, command = arguments[0], arguments[1:]
    body = create_body(flags, image, command, detach=False)
    split_reference(image)
    return _request(
        session,
        "POST",
        f"{_ROOT}/explain",
        body,
        name=flags.text("name") or None,
        platform=flags.text("platform") or None,
    )


def _request(
    session: Session,
    method: str,
    path: str,
    body: JsonObject | None = None,
    **query: str | None,
) -> JsonObject:
    try:
        answer = session.client.request(method, path, dict(query), body=body).json()
    except NotFound as err:
        if err.details.get("message") == "page not found":
            raise errors.NotImplemented(
                "this engine cannot explain containers: it is not Baleen's, or an older one"
            ) from err
        raise
    if not isinstance(answer, dict) or answer.get("Version") != 1:
        raise DataLoss(_UNKNOWN_FORM)
    return answer


COMMAND = Command(
    _run,
    "CONTAINER | --dry-run [OPTIONS] IMAGE [COMMAND] [ARG...]",
    flags=tuple(sorted((*CONTAINER_FLAGS, *_FLAGS), key=lambda flag: flag.name)),
    minimum=1,
    interspersed=False,
)
