"""`baleen volume ls`: the list of volumes."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.formatting.humanize import decimal_size
from baleen.cli.formatting.rows import Row
from baleen.cli.listing import FILTER, FORMAT, label_text, natural_key, print_rows
from baleen.cli.parsing.filters import encode_filters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.models import JsonObject

__all__ = ["COMMAND", "HEADERS", "volume_row"]

HEADERS = {
    "Name": "VOLUME NAME",
    "Driver": "DRIVER",
    "Scope": "SCOPE",
    "Mountpoint": "MOUNTPOINT",
    "Labels": "LABELS",
    "Links": "LINKS",
    "Size": "SIZE",
    "Availability": "AVAILABILITY",
    "Group": "GROUP",
    "Status": "STATUS",
}


def volume_row(volume: JsonObject) -> Row:
    """A volume under the names of its fields."""
    labels: dict[str, str] = volume.get("Labels") or {}
    usage: JsonObject = volume.get("UsageData") or {}
    return Row(
        {
            "Name": volume.get("Name", ""),
            "Driver": volume.get("Driver", ""),
            "Scope": volume.get("Scope", ""),
            "Mountpoint": volume.get("Mountpoint", ""),
            "Labels": lambda: label_text(labels),
            "Links": lambda: str(usage["RefCount"]) if usage else "N/A",
            "Size": lambda: decimal_size(int(usage["Size"]), 4) if usage else "N/A",
            "Availability": "N/A",
            "Group": "N/A",
            "Status": "N/A",
        },
        methods={"Label": lambda name: labels.get(name, "")},
        kind="*formatter.volumeContext",
    )


def _run(session: Session, flags: Flags, _arguments: list[str]) -> int:
    answer = session.client.get("/volumes", filters=encode_filters(flags.value("filter")))
    volumes: list[JsonObject] = (answer or {}).get("Volumes") or []
    volumes.sort(key=lambda volume: natural_key(str(volume.get("Name"))))
    return print_rows(
        session,
        map(volume_row, volumes),
        form=flags.text("format")
        or ("" if flags.on("quiet") else session.setting("volumesFormat")),
        default="{{.Driver}}\t{{.Name}}",
        headers=HEADERS,
        quiet="Name" if flags.on("quiet") else "",
    )


COMMAND = Command(
    _run,
    "[OPTIONS]",
    flags=(FILTER, FORMAT, Flag("quiet", "q", "bool", "Only display volume names")),
    maximum=0,
)
