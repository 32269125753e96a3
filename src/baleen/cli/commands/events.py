"""`baleen events`: what happens at the engine, as it happens."""

from __future__ import annotations

import time

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.formatting.humanize import format_rfc3339
from baleen.cli.listing import FILTER, FORMAT
from baleen.cli.parsing.filters import encode_filters
from baleen.cli.parsing.quantities import parse_timestamp
from baleen.cli.terminal import neutralise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.models import JsonObject

__all__ = ["COMMAND"]


def _line(event: JsonObject) -> str:
    nanoseconds = int(event.get("timeNano") or 0)
    seconds = nanoseconds // 10**9 if nanoseconds else int(event.get("time") or 0)
    moment = format_rfc3339(seconds, nanoseconds % 10**9)
    actor: JsonObject = event.get("Actor") or {}
    attributes: dict[str, str] = actor.get("Attributes") or {}
    text = f"{moment} {event.get('Type', '')} {event.get('Action', '')} {actor.get('ID', '')}"
    if attributes:
        pairs = ", ".join(f"{k}={v}" for k, v in sorted(attributes.items()))
        text += f" ({pairs})"
    return text


def _run(session: Session, flags: Flags, _arguments: list[str]) -> int:
    now = time.time()
    form = flags.text("format")
    template = None
    if form:
        from baleen.cli.formatting.template import compile_template

        template = compile_template("{{json .}}" if form == "json" else form)
    response = session.client.request(
        "GET",
        "/events",
        {
            "since": parse_timestamp(flags.text("since"), now=now) if flags.text("since") else None,
            "until": parse_timestamp(flags.text("until"), now=now) if flags.text("until") else None,
            "filters": encode_filters(flags.value("filter")),
        },
    )
    safe = session.out_is_terminal
    for event in response.objects():
        line = template.render(event) if template is not None else _line(event)
        session.out(neutralise(line) if safe else line)
    return 0


COMMAND = Command(
    _run,
    "[OPTIONS]",
    flags=(
        FILTER,
        FORMAT,
        Flag("since", "", "string", "Show all events created since timestamp"),
        Flag("until", "", "string", "Stream events until this timestamp"),
    ),
    maximum=0,
)
