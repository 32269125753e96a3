"""`baleen logs`: what a container has printed."""

from __future__ import annotations

import time

from baleen.cli.attachment import container_path
from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.parsing.quantities import parse_timestamp
from baleen.cli.streaming import write_all
from baleen.client.multiplex import STDERR, Demultiplexer
from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]


def _moment(flags: Flags, name: str, now: float) -> str | None:
    if not flags.text(name):
        return None
    try:
        return parse_timestamp(flags.text(name), now=now)
    except InvalidArgument as err:
        raise InvalidArgument(f'invalid value for "{name}": {err.message}') from err


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    now = time.time()
    times = {name: _moment(flags, name, now) for name in ("since", "until")}
    container = session.client.get(container_path(arguments[0], "json"))
    response = session.client.request(
        "GET",
        container_path(str(container["Id"]), "logs"),
        {
            "stdout": True,
            "stderr": True,
            "follow": flags.on("follow") or None,
            "timestamps": flags.on("timestamps") or None,
            "details": flags.on("details") or None,
            "tail": flags.text("tail"),
            **times,
        },
    )
    if (container.get("Config") or {}).get("Tty"):
        for data in response:
            write_all(1, data)
        return 0
    demultiplexer = Demultiplexer()
    for data in response:
        for stream, piece in demultiplexer.feed(data):
            write_all(2 if stream == STDERR else 1, piece)
    return 0


COMMAND = Command(
    _run,
    "[OPTIONS] CONTAINER",
    flags=(
        Flag("details", "", "bool", "Show extra details provided to logs"),
        Flag("follow", "f", "bool", "Follow log output"),
        Flag(
            "since",
            "",
            "string",
            'Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" '
            "for 42 minutes)",
        ),
        Flag(
            "tail",
            "n",
            "string",
            "Number of lines to show from the end of the logs",
            default="all",
        ),
        Flag("timestamps", "t", "bool", "Show timestamps"),
        Flag(
            "until",
            "",
            "string",
            'Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" '
            "for 42 minutes)",
        ),
    ),
    minimum=1,
    maximum=1,
)
