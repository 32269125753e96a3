"""The values that networks are made of: all frozen, all safe to store as JSON.

Addresses are text in canonical form (`172.17.0.2`, `172.17.0.0/16`); an absent one is "". They
were parsed strictly at the border (`ipam.parse_address`), so equal text means equal address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    import socket

__all__ = [
    "Driver",
    "Endpoint",
    "Network",
    "NetworkSpec",
    "PoolSpec",
    "PortRequest",
    "Published",
    "PublishedPort",
]

Driver = Literal["bridge", "host", "null"]
Protocol = Literal["tcp", "udp", "sctp"]


class PoolSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the Engine API's IPAM.Config; as asked in a spec, resolved in a network."""

    subnet: str = ""
    ip_range: str = ""
    gateway: str = ""
    auxiliary_addresses: dict[str, str] = msgspec.field(default_factory=dict)


class NetworkSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asks for. See: Engine API v1.55, /networks/create."""

    name: str
    driver: str = "bridge"
    internal: bool = False
    attachable: bool = False
    enable_ipv4: bool = True
    enable_ipv6: bool = False
    ipam_driver: str = "default"
    ipam_options: dict[str, str] = msgspec.field(default_factory=dict)
    pools: tuple[PoolSpec, ...] = ()
    options: dict[str, str] = msgspec.field(default_factory=dict)
    labels: dict[str, str] = msgspec.field(default_factory=dict)


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """A network as stored: the spec with everything decided.

    Attributes:
        id: 64 hex digits.
        created: RFC 3339 with nanoseconds, UTC.
        pools: with subnet and gateway filled in; empty for host and null.
        user_pools: True when the client named the subnet (only then a static address is allowed).
        bridge: the Linux bridge's name, or "".
        owns_bridge: False when the user named one that already was there; it is never removed.
    """

    id: str
    name: str
    driver: Driver
    created: str
    internal: bool = False
    attachable: bool = False
    enable_ipv4: bool = True
    enable_ipv6: bool = False
    ipam_driver: str = "default"
    ipam_options: dict[str, str] = msgspec.field(default_factory=dict)
    pools: tuple[PoolSpec, ...] = ()
    user_pools: bool = False
    options: dict[str, str] = msgspec.field(default_factory=dict)
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    bridge: str = ""
    owns_bridge: bool = True

    @property
    def is_predefined(self) -> bool:
        """Made by the daemon itself; cannot be created or removed by a user."""
        return self.name in ("bridge", "host", "none")

    @property
    def has_names(self) -> bool:
        """Containers on it find one another by name (not on the default bridge, as in Docker)."""
        return self.driver == "bridge" and self.name != "bridge"


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One container's place on one network, as the engine keeps it in the container's record.

    For the drivers host and null the addresses, `mac` and `host_name` are "".

    Attributes:
        id: 64 hex digits, new at each start of the container.
        names: what other containers of the network may call it: name, aliases, short id.
        gateway: the network's gateway address; "" on internal networks and without a bridge.
        host_name: name of the veth's end on the host.
        gw_priority: see NetworkManager.gateway_endpoint.
        index: which of the container's interfaces it is (eth<index>), -1 while it is none.
    """

    id: str
    network_id: str
    network_name: str
    driver: Driver
    container_id: str
    container_name: str
    aliases: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    ipv4: str = ""
    prefix_len: int = 0
    gateway: str = ""
    mac: str = ""
    host_name: str = ""
    internal: bool = False
    gw_priority: int = 0
    index: int = -1


class PortRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A wish to reach `container_port` through the host.

    Attributes:
        host_ip: "" means the network's default binding address.
        host_port_first: 0 for any free port of the host's ephemeral range.
        host_port_last: end of a range from which the first free port is taken; 0 means first.
    """

    protocol: Protocol
    container_port: int
    host_ip: str = ""
    host_port_first: int = 0
    host_port_last: int = 0


class PublishedPort(msgspec.Struct, frozen=True, kw_only=True):
    """A host port that now leads to an endpoint's port."""

    protocol: Protocol
    container_port: int
    host_ip: str
    host_port: int


@dataclass(frozen=True, slots=True)
class Published:
    """The result of `publish`: records to keep, and the sockets that hold the host ports.

    `sockets` belong to the caller: pass their descriptors to the supervisor (which keeps them
    open while the container runs), then close them here. They are bound and never accept.
    """

    ports: tuple[PublishedPort, ...]
    sockets: tuple[socket.socket, ...]
