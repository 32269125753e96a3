"""`baleen image tree`: what each layer of an image added, changed, removed and wasted."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.formatting.humanize import decimal_size, ellipsis
from baleen.cli.own_endpoints import shown_name, tell
from baleen.cli.parsing.platforms import platform_document
from baleen.client.client import segment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.models import JsonObject

__all__ = ["COMMAND"]

_MARKS = {"added": "+", "changed": "~", "rewritten": "=", "removed": "-"}


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    return tell(
        session,
        flags,
        f"/images/{segment(arguments[0], slashes=True)}/tree",
        _lines,
        platform=platform_document(flags.text("platform")),
        all="1" if flags.on("all") else None,
    )


def _lines(found: JsonObject) -> list[str]:
    layers: list[JsonObject] = found["Layers"]
    lines = [
        f"{shown_name(found, ', ')}  {found['Platform']}",
        (
            f"{len(layers)} layers, {_size(found['Size'])} "
            f"({_size(found['CompressedSize'])} compressed), {_size(found['Wasted'])} wasted"
        ),
    ]
    for number, layer in enumerate(layers, 1):
        lines += ["", *_layer(number, layer)]
    return lines


def _layer(number: int, layer: JsonObject) -> list[str]:
    counts = "  ".join(f"{mark}{layer[kind.capitalize()]}" for kind, mark in _MARKS.items())
    wasted = f"  wasted {_size(layer['Wasted'])}" if layer["Wasted"] else ""
    by = ellipsis(" ".join(str(layer["CreatedBy"]).split()), 60)
    paths: list[JsonObject] = layer["Paths"]
    return [
        f"{number:3}  {_size(layer['Size']):>8}  {counts}{wasted}  {by}".rstrip(),
        *(_path(path) for path in paths),
    ]


def _path(path: JsonObject) -> str:
    size = _size(path["Size"] or path["Hidden"])
    return f"     {size:>8}  {_MARKS[path['Kind']]} {path['Path']}"


def _size(count: object) -> str:
    return decimal_size(int(str(count)), 3)


COMMAND = Command(
    _run,
    "[OPTIONS] IMAGE",
    flags=(
        Flag("all", "a", "bool", "List all paths, not only those of most bytes"),
        Flag("json", "", "bool", "Print the facts as JSON"),
        Flag("platform", "", "string", "Look at this platform of the image"),
    ),
    minimum=1,
    maximum=1,
)
