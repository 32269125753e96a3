"""`baleen network create`: a network."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.parsing.addresses import is_ip
from baleen.cli.parsing.environment import (
    check_label,
    collect_labels,
    collect_map,
    parse_map,
)
from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.models import JsonObject

__all__ = ["COMMAND", "ipam_configs"]


def _network(text: str, what: str) -> tuple[int, int, int]:
    """(bits of an address, network, size of the host part) of a CIDR text."""
    import ipaddress

    address, slash, prefix = text.partition("/")
    if not slash or not is_ip(address) or not (prefix.isascii() and prefix.isdigit()):
        raise InvalidArgument(f"invalid {what}: {text}")
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as err:
        raise InvalidArgument(f"invalid {what}: {text}") from err
    return (
        network.max_prefixlen,
        int(network.network_address),
        1 << (network.max_prefixlen - network.prefixlen),
    )


def _contains(subnet: str, text: str, what: str) -> bool:
    import ipaddress

    bits, base, size = _network(subnet, "subnet")
    if what == "ip-range":
        other_bits, start, _ = _network(text, what)
    else:
        if not is_ip(text):
            raise InvalidArgument(f"invalid {what}: {text}")
        address = ipaddress.ip_address(text)
        other_bits, start = address.max_prefixlen, int(address)
    return bits == other_bits and base <= start < base + size


def ipam_configs(flags: Flags) -> list[JsonObject]:
    """IPAM configurations: each range, gateway and address goes to the subnet that holds it.

    Raises:
        InvalidArgument: an address in no subnet, overlapping subnets, two gateways for one.
    """
    configs: dict[str, JsonObject] = {}
    for subnet in flags.texts("subnet"):
        for other in configs:
            if _contains(other, subnet.partition("/")[0], "subnet") or _contains(
                subnet, other.partition("/")[0], "subnet"
            ):
                raise InvalidArgument("multiple overlapping subnet configuration is not supported")
        _network(subnet, "subnet")
        configs[subnet] = {"Subnet": subnet}
    if not configs and (flags.texts("ip-range") or flags.texts("gateway")):
        raise InvalidArgument("every ip-range or gateway must have a corresponding subnet")
    for what, key in (("ip-range", "IPRange"), ("gateway", "Gateway")):
        for text in flags.texts(what):
            config = _config_for(configs, text, what)
            if key in config:
                raise InvalidArgument(f"cannot configure multiple {what}s on the same subnet")
            config[key] = text
    for name, text in parse_map(flags.texts("aux-address"), "aux-address").items():
        config = _config_for(configs, text, "aux-address")
        config.setdefault("AuxiliaryAddresses", {})[name] = text
    return list(configs.values())


def _config_for(configs: dict[str, JsonObject], text: str, what: str) -> JsonObject:
    for subnet, config in configs.items():
        if _contains(subnet, text, what):
            return config
    raise InvalidArgument(f"no matching subnet for {what} {text}")


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    body: JsonObject = {
        "Name": arguments[0],
        "Driver": flags.text("driver"),
        "IPAM": {
            "Driver": flags.text("ipam-driver"),
            "Config": ipam_configs(flags),
            "Options": collect_map(flags.texts("ipam-opt")),
        },
        "Options": collect_map(flags.texts("opt")),
        "Labels": collect_labels([], flags.texts("label")),
    }
    for flag, key in (
        ("attachable", "Attachable"),
        ("config-only", "ConfigOnly"),
        ("ingress", "Ingress"),
        ("internal", "Internal"),
        ("ipv4", "EnableIPv4"),
        ("ipv6", "EnableIPv6"),
    ):
        if flags.changed(flag):
            body[key] = flags.on(flag)
    if flags.text("scope"):
        body["Scope"] = flags.text("scope")
    if flags.text("config-from"):
        body["ConfigFrom"] = {"Network": flags.text("config-from")}
    if not session.client.api_at_least(44):
        body["CheckDuplicate"] = True
    answer = session.client.post("/networks/create", body)
    if answer.get("Warning"):
        session.warn(f"WARNING: {answer['Warning']}")
    session.out(str(answer.get("Id", "")))
    return 0


COMMAND = Command(
    _run,
    "[OPTIONS] NETWORK",
    flags=(
        Flag("attachable", "", "bool", "Enable manual container attachment"),
        Flag("aux-address", "", "map", "Auxiliary IPv4 or IPv6 addresses used by Network driver"),
        Flag("config-from", "", "string", "The network from which to copy the configuration"),
        Flag("config-only", "", "bool", "Create a configuration only network"),
        Flag("driver", "d", "string", "Driver to manage the Network", default="bridge"),
        Flag("gateway", "", "strings", "IPv4 or IPv6 Gateway for the master subnet"),
        Flag("ingress", "", "bool", "Create swarm routing-mesh network"),
        Flag("internal", "", "bool", "Restrict external access to the network"),
        Flag("ip-range", "", "strings", "Allocate container ip from a sub-range"),
        Flag("ipam-driver", "", "string", "IP Address Management Driver", default="default"),
        Flag("ipam-opt", "", "map", "Set IPAM driver specific options"),
        Flag("ipv4", "", "bool", "Enable or disable IPv4 address assignment", default=True),
        Flag("ipv6", "", "bool", "Enable or disable IPv6 address assignment"),
        Flag("label", "", "list", "Set metadata on a network", parse=check_label),
        Flag("opt", "o", "map", "Set driver specific options"),
        Flag("scope", "", "string", "Control the network's scope"),
        Flag("subnet", "", "strings", "Subnet in CIDR format that represents a network segment"),
    ),
    minimum=1,
    maximum=1,
)
