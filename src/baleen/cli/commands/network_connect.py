"""`baleen network connect`: another network for a container."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.parsing.addresses import parse_ip
from baleen.cli.parsing.environment import parse_map
from baleen.client.client import segment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.models import JsonObject

__all__ = ["COMMAND"]


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    settings: JsonObject = {}
    ipam: JsonObject = {}
    for flag, key in (("ip", "IPv4Address"), ("ip6", "IPv6Address")):
        if flags.changed(flag):
            ipam[key] = flags.text(flag)
    if flags.texts("link-local-ip"):
        ipam["LinkLocalIPs"] = flags.texts("link-local-ip")
    if ipam:
        settings["IPAMConfig"] = ipam
    for flag, key in (("alias", "Aliases"), ("link", "Links")):
        if flags.texts(flag):
            settings[key] = flags.texts(flag)
    if flags.texts("driver-opt"):
        settings["DriverOpts"] = parse_map(flags.texts("driver-opt"), "driver-opt")
    if flags.changed("gw-priority"):
        settings["GwPriority"] = flags.number("gw-priority")
    session.client.post(
        f"/networks/{segment(arguments[0])}/connect",
        {"Container": arguments[1], "EndpointConfig": settings},
    )
    return 0


COMMAND = Command(
    _run,
    "[OPTIONS] NETWORK CONTAINER",
    flags=(
        Flag("alias", "", "strings", "Add network-scoped alias for the container"),
        Flag("driver-opt", "", "strings", "driver options for the network"),
        Flag("gw-priority", "", "int", "Highest gw-priority provides the default gateway"),
        Flag("ip", "", "string", "IPv4 address", parse=parse_ip, default=""),
        Flag("ip6", "", "string", "IPv6 address", parse=parse_ip, default=""),
        Flag("link", "", "list", "Add link to another container"),
        Flag("link-local-ip", "", "strings", "Add a link-local address for the container"),
    ),
    minimum=2,
    maximum=2,
)
