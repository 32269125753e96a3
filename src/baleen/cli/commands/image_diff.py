"""`baleen image diff`: how one image differs from another, by files, layers and configuration."""

from __future__ import annotations

import json

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.formatting.humanize import decimal_size
from baleen.cli.own_endpoints import shown_name, tell
from baleen.cli.parsing.platforms import platform_document
from baleen.client.client import segment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.models import JsonObject

__all__ = ["COMMAND"]

# The letters of `docker diff`.
_LETTERS = {"added": "A", "changed": "C", "removed": "D"}


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    return tell(
        session,
        flags,
        f"/images/{segment(arguments[0], slashes=True)}/diff",
        _lines,
        to=arguments[1],
        platform=platform_document(flags.text("platform")),
    )


def _lines(found: JsonObject) -> list[str]:
    one, other = shown_name(found["From"]), shown_name(found["To"])
    change = int(found["SizeChange"])
    sign = "-" if change < 0 else "+"
    lines = [
        f"{one} -> {other}",
        (
            f"{found['CommonLayers']} layers in common, {len(found['From']['OwnLayers'])} only in "
            f"{one}, {len(found['To']['OwnLayers'])} only in {other}"
        ),
        (
            f"{found['Added']} added, {found['Changed']} changed, {found['Removed']} removed, "
            f"{sign}{decimal_size(abs(change), 3)}"
        ),
    ]
    paths: list[JsonObject] = found["Paths"]
    lines += [f"{_LETTERS[path['Kind']]} {path['Path']}{_sizes(path)}" for path in paths]
    config: list[JsonObject] = found["Config"]
    if config:
        lines.append("configuration:")
    lines += [
        f"  {item['Field']}: {json.dumps(item['Before'])} -> {json.dumps(item['After'])}"
        for item in config
    ]
    return lines


def _sizes(path: JsonObject) -> str:
    before, after = int(path["SizeBefore"]), int(path["SizeAfter"])
    if path["Kind"] == "changed" and before != after:
        return f"  {decimal_size(before, 3)} -> {decimal_size(after, 3)}"
    size = before or after
    return f"  {decimal_size(size, 3)}" if size else ""


COMMAND = Command(
    _run,
    "[OPTIONS] IMAGE IMAGE",
    flags=(
        Flag("json", "", "bool", "Print the facts as JSON"),
        Flag("platform", "", "string", "Compare this platform of the images"),
    ),
    minimum=2,
    maximum=2,
)
