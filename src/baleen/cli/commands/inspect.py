"""`baleen inspect`: objects of any kind."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.inspecting import FINDERS, finder, inspect_all
from baleen.errors import InvalidArgument, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.models import JsonValue

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    kind = flags.text("type")
    if flags.changed("type") and not kind:
        raise InvalidArgument('type is empty: must be one of "container", "image", ...')
    if kind and kind not in FINDERS:
        raise InvalidArgument(f'unknown type: "{kind}": must be one of {", ".join(FINDERS)}')
    size = flags.on("size")
    if kind:
        return inspect_all(
            session, arguments, finder(session, kind, size=size), flags.text("format")
        )
    finders = [finder(session, name, size=size) for name in FINDERS]

    def find(reference: str) -> JsonValue:
        for find_one in finders:
            try:
                return find_one(reference)
            except NotFound:
                continue
        raise NotFound(f"Error: No such object: {reference}")

    return inspect_all(session, arguments, find, flags.text("format"))


COMMAND = Command(
    _run,
    "[OPTIONS] NAME|ID [NAME|ID...]",
    flags=(
        Flag("format", "f", "string", "Format output using a custom template: 'json' or Go's"),
        Flag("size", "s", "bool", "Display total file sizes if the type is container"),
        Flag("type", "", "string", "Only inspect objects of the given type"),
    ),
    minimum=1,
)
