"""`baleen network ls`: the list of networks."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.formatting.humanize import short_id
from baleen.cli.formatting.rows import Row
from baleen.cli.listing import FILTER, FORMAT, NO_TRUNC, label_text, natural_key, print_rows
from baleen.cli.parsing.filters import encode_filters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.models import JsonObject

__all__ = ["COMMAND"]

_HEADERS = {
    "ID": "NETWORK ID",
    "Name": "NAME",
    "Driver": "DRIVER",
    "Scope": "SCOPE",
    "IPv4": "IPV4",
    "IPv6": "IPV6",
    "Internal": "INTERNAL",
    "Labels": "LABELS",
    "CreatedAt": "CREATED AT",
}


def _row(network: JsonObject, *, trunc: bool) -> Row:
    identifier = str(network.get("Id", ""))
    labels: dict[str, str] = network.get("Labels") or {}

    def switch(key: str, *, absent: bool) -> str:
        return "true" if network.get(key, absent) else "false"

    return Row(
        {
            "ID": short_id(identifier) if trunc else identifier,
            "Name": network.get("Name", ""),
            "Driver": network.get("Driver", ""),
            "Scope": network.get("Scope", ""),
            "IPv4": switch("EnableIPv4", absent=False),
            "IPv6": switch("EnableIPv6", absent=False),
            "Internal": switch("Internal", absent=False),
            "Labels": lambda: label_text(labels),
            "CreatedAt": str(network.get("Created", ""))
            .replace("T", " ")
            .replace("Z", " +0000 UTC"),
        },
        methods={"Label": lambda name: labels.get(name, "")},
        kind="*network.networkContext",
    )


def _run(session: Session, flags: Flags, _arguments: list[str]) -> int:
    networks: list[JsonObject] = (
        session.client.get("/networks", filters=encode_filters(flags.value("filter"))) or []
    )
    networks.sort(key=lambda network: natural_key(str(network.get("Name"))))
    trunc = not flags.on("no-trunc")
    return print_rows(
        session,
        (_row(network, trunc=trunc) for network in networks),
        form=flags.text("format")
        or ("" if flags.on("quiet") else session.setting("networksFormat")),
        default="{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}",
        headers=_HEADERS,
        quiet="ID" if flags.on("quiet") else "",
    )


COMMAND = Command(
    _run,
    "[OPTIONS]",
    flags=(
        FILTER,
        FORMAT,
        NO_TRUNC,
        Flag("quiet", "q", "bool", "Only display network IDs"),
    ),
    maximum=0,
)
