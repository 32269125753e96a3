"""The bridge driver: one Linux bridge per network, with its options and sysctls.

A bridge carries the network's gateway address, has a MAC that follows from it (so that it is the
same after a repair, and containers' ARP caches stay right), and speaks no IPv6 (N01, N03).
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Final

from baleen.api.booleans import parse_boolean
from baleen.errors import Conflict, InvalidArgument
from baleen.linux.netns import write_sysctl
from baleen.linux.rtnetlink import (
    RouteSocket,
    del_address,
    del_link,
    new_address,
    new_bridge,
    new_forwarding_entry,
    new_neighbour,
    set_bridge_port,
    set_link,
)
from baleen.network.firewall import BridgeRules
from baleen.network.ipam import mac_of, parse_address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from baleen.linux.netlink import Message
    from baleen.network.network import Endpoint, Network

__all__ = [
    "OPTION_BINDING",
    "OPTION_DEFAULT",
    "OPTION_ICC",
    "OPTION_INTERFACE",
    "OPTION_MASQUERADE",
    "OPTION_MTU",
    "OPTION_NAME",
    "BridgeOptions",
    "bridge_rules",
    "bridged_frames_are_filtered",
    "delete_bridge",
    "ensure_bridge",
    "join_bridge",
    "parse_options",
]

_PREFIX: Final = "com.docker.network.bridge."
OPTION_NAME: Final = _PREFIX + "name"
OPTION_DEFAULT: Final = _PREFIX + "default_bridge"
OPTION_ICC: Final = _PREFIX + "enable_icc"
OPTION_MASQUERADE: Final = _PREFIX + "enable_ip_masquerade"
OPTION_BINDING: Final = _PREFIX + "host_binding_ipv4"
OPTION_MTU: Final = "com.docker.network.driver.mtu"
OPTION_INTERFACE: Final = "com.docker.network.container_iface_prefix"

# Go's strconv.ParseBool, which the Engine API's options go through.
_INTERFACE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}")
_INTERFACE_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,10}")
_MTU = re.compile(r"[0-9]{1,5}")
_MIN_MTU, _MAX_MTU = 68, 65535  # RFC 791; the kernel's limit of a bridge


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeOptions:
    """The driver options of a network, parsed. `name` "" means that the manager chooses."""

    name: str
    icc: bool
    masquerade: bool
    binding: str
    mtu: int
    interface_prefix: str


def parse_options(options: Mapping[str, str], *, mtu: int, binding: str) -> BridgeOptions:
    """Parse driver options; unknown ones are kept by the network but mean nothing, as in Docker.

    Raises:
        InvalidArgument: a value is not of its option's form.
    """
    name = options.get(OPTION_NAME, "")
    if name and not _INTERFACE_NAME.fullmatch(name):
        raise InvalidArgument(f"invalid bridge name {name!r}: not a name for an interface")
    prefix = options.get(OPTION_INTERFACE) or "eth"
    if not _INTERFACE_PREFIX.fullmatch(prefix):
        raise InvalidArgument(f"invalid value for {OPTION_INTERFACE}: {prefix!r}")
    text = options.get(OPTION_MTU, "")
    if text and not (_MTU.fullmatch(text) and _MIN_MTU <= int(text) <= _MAX_MTU):
        raise InvalidArgument(f"invalid MTU {text!r}: must be {_MIN_MTU} to {_MAX_MTU}")
    binding = options.get(OPTION_BINDING) or binding
    return BridgeOptions(
        name=name,
        icc=_parse_bool(options, OPTION_ICC),
        masquerade=_parse_bool(options, OPTION_MASQUERADE),
        binding=str(parse_address(binding)),
        mtu=int(text) if text else mtu,
        interface_prefix=prefix,
    )


def _parse_bool(options: Mapping[str, str], name: str) -> bool:
    value = options.get(name, "true")
    found = parse_boolean(value)
    if found is None:
        raise InvalidArgument(f"invalid value for {name}: {value!r} is not true or false")
    return found


def bridge_rules(network: Network, options: BridgeOptions) -> BridgeRules:
    """What the firewall has to know about the network."""
    return BridgeRules(
        bridge=network.bridge,
        subnet=network.pools[0].subnet,
        icc=options.icc,
        internal=network.internal,
        masquerade=options.masquerade,
    )


def gateway_with_prefix(network: Network) -> str:
    """The bridge's own address, `172.18.0.1/16`."""
    pool = network.pools[0]
    return f"{pool.gateway}/{IPv4Network(pool.subnet).prefixlen}"


def ensure_bridge(route: RouteSocket, network: Network, options: BridgeOptions) -> bool:
    """Bring the network's bridge to the wanted state; returns whether it had to be made.

    Idempotent. Other addresses of our subnet's bridge are removed, others' bridges keep theirs.

    Raises:
        Conflict: an interface of that name exists and is no bridge.
        OSError: the kernel refused.
    """
    name = network.bridge
    link = route.link(name)
    if link is not None and link.kind != "bridge":
        raise Conflict(f"cannot use {name!r} as bridge of network {network.name}: it is no bridge")
    created = link is None
    if created:
        route.run(new_bridge(name, mac=mac_of(network.pools[0].gateway), mtu=options.mtu))
        link = route.link(name)
    assert link is not None
    try:
        _write_sysctls(name)
        wanted = gateway_with_prefix(network)
        present = {
            f"{item.address}/{item.prefix_len}"
            for item in route.addresses()
            if item.ifindex == link.ifindex
        }
        stale = present - {wanted} if network.owns_bridge else set()
        route.run(
            *(del_address(link.ifindex, address) for address in stale),
            *([] if wanted in present else [new_address(link.ifindex, wanted)]),
            set_link(link.ifindex, up=True),
        )
    except BaseException:
        if created:
            route.run(del_link(name))
        raise
    return created


def _write_sysctls(name: str) -> None:
    with suppress(FileNotFoundError):  # a kernel without IPv6
        write_sysctl(f"net/ipv6/conf/{name}/accept_ra", "0")
        write_sysctl(f"net/ipv6/conf/{name}/disable_ipv6", "1")
    # The host's connections from 127.0.0.1 to published ports leave through the bridge; the
    # firewall's guard keeps others from using this.
    write_sysctl(f"net/ipv4/conf/{name}/route_localnet", "1")


def delete_bridge(name: str) -> None:
    """Remove a bridge; success means that it is gone. Blocks for some 10 ms: not for the loop."""
    with RouteSocket() as route:
        link = route.link(name)
        if link is not None and link.kind == "bridge":
            route.run(del_link(name))


def bridged_frames_are_filtered() -> bool:
    """Whether br_netfilter lets bridged frames pass the IP hooks.

    Then a container that reaches its own published port is answered within the bridge, and its
    port must be allowed to send back where it came from (hairpin).
    """
    try:
        return Path("/proc/sys/net/bridge/bridge-nf-call-iptables").read_text() == "1\n"
    except FileNotFoundError:
        return False


def join_bridge(
    endpoint: Endpoint, options: BridgeOptions, port: int, bridge: int
) -> list[Message]:
    """Messages that put an endpoint's interface on its bridge again, as the supervisor did."""
    return [
        set_link(port, master=bridge),
        set_bridge_port(
            endpoint.host_name,
            hairpin=bridged_frames_are_filtered(),
            isolated=not options.icc,
            learning=False,
        ),
        new_forwarding_entry(port, endpoint.mac),
        new_neighbour(bridge, endpoint.ipv4, endpoint.mac),
    ]
