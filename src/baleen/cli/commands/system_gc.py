"""`baleen system gc`: remove unused images by the disk policy, or say what it would remove."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.formatting.humanize import decimal_size
from baleen.cli.own_endpoints import ask, print_json
from baleen.cli.terminal import write_out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.models import JsonObject

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, _arguments: list[str]) -> int:
    dry_run = flags.on("dry-run")
    found = ask(
        session,
        "POST",
        "/system/gc",
        **{
            "dry-run": "1" if dry_run else None,
            "keep-free": flags.text("keep-free") or None,
            "unused-for": flags.text("unused-for") or None,
        },
    )
    if flags.on("json"):
        print_json(found)
    else:
        write_out("\n".join(_lines(found, dry_run=dry_run)) + "\n")
    return 0


def _lines(found: JsonObject, *, dry_run: bool) -> list[str]:
    remove: list[JsonObject] = found["Remove"]
    keep: list[JsonObject] = found["Keep"]
    lines = [
        (
            f"{found['DataRoot']}: {decimal_size(int(found['Free']))} of "
            f"{decimal_size(int(found['Size']))} free"
        ),
        f"Policy: {found['Why']}",
    ]
    verb = "would remove" if dry_run else "removed"
    lines += [_line(verb, image) for image in remove]
    lines += [_line("keep", image) for image in keep]
    if dry_run:
        lines.append(f"Would free {decimal_size(int(found['Frees']))}")
    else:
        lines.append(f"Freed {decimal_size(int(found['SpaceReclaimed']))}")
    return lines


def _line(verb: str, image: JsonObject) -> str:
    names: list[str] = image.get("Names") or [str(image["Id"])[7:19]]
    size = decimal_size(int(image["Frees"]), 3)
    return f"{verb:12}  {names[0]}  ({size}): {image['Why']}"


COMMAND = Command(
    _run,
    "[OPTIONS]",
    flags=(
        Flag("dry-run", "", "bool", "Remove nothing; say what would go, what not, and why"),
        Flag("json", "", "bool", "Print the facts and reasons as JSON"),
        Flag("keep-free", "", "string", "Another goal than the daemon's: 20GB, or 15%"),
        Flag("unused-for", "", "string", "Another age than the daemon's: 12h, 7d"),
    ),
    maximum=0,
)
