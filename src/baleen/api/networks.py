"""Networks and a container's endpoints on them.

See: Engine API v1.55, /networks/*, definitions Network, EndpointSettings, IPAM.
"""

from __future__ import annotations

from msgspec import field

from baleen.api.host import PortBinding  # msgspec reads it
from baleen.api.wire import Int, UInt, Wire, pascal

__all__ = [
    "IPAM",
    "ConfigReference",
    "EndpointIPAMConfig",
    "EndpointResource",
    "EndpointSettings",
    "IPAMConfig",
    "IPAMStatus",
    "Network",
    "NetworkConnectBody",
    "NetworkConnectRequest",
    "NetworkCreateBody",
    "NetworkCreateResponse",
    "NetworkDisconnectBody",
    "NetworkDisconnectRequest",
    "NetworkSettings",
    "NetworkStatus",
    "NetworkingConfig",
    "NetworksPruneResponse",
    "SubnetStatus",
]


class EndpointIPAMConfig(
    Wire,
    frozen=True,
    rename=pascal(
        ipv4_address="IPv4Address", ipv6_address="IPv6Address", link_local_ips="LinkLocalIPs"
    ),
):
    """Addresses that the user asked for."""

    ipv4_address: str = ""
    ipv6_address: str = ""
    link_local_ips: list[str] = field(default_factory=list)

    omit_empty = frozenset({"ipv4_address", "ipv6_address", "link_local_ips"})


class EndpointSettings(
    Wire,
    frozen=True,
    rename=pascal(
        ipam_config="IPAMConfig",
        network_id="NetworkID",
        endpoint_id="EndpointID",
        ip_address="IPAddress",
        ip_prefix_len="IPPrefixLen",
        ipv6_gateway="IPv6Gateway",
        global_ipv6_address="GlobalIPv6Address",
        global_ipv6_prefix_len="GlobalIPv6PrefixLen",
        dns_names="DNSNames",
    ),
):
    """A container's place on a network: the first group is asked for, the second is given."""

    ipam_config: EndpointIPAMConfig | None = None
    links: list[str] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)
    driver_opts: dict[str, str] = field(default_factory=dict)
    gw_priority: Int = 0

    network_id: str = ""
    endpoint_id: str = ""
    gateway: str = ""
    ip_address: str = ""
    mac_address: str = ""  # asked for or given
    ip_prefix_len: Int = 0
    ipv6_gateway: str = ""
    global_ipv6_address: str = ""
    global_ipv6_prefix_len: Int = 0
    dns_names: list[str] = field(default_factory=list)

    null_empty = frozenset({"links", "aliases", "driver_opts", "dns_names"})


class NetworkingConfig(Wire, frozen=True):
    """The endpoints that a new container shall have, by network name or id."""

    endpoints_config: dict[str, EndpointSettings] = field(default_factory=dict)


class NetworkSettings(Wire, frozen=True, rename=pascal(sandbox_id="SandboxID")):
    """A container's network side in inspect; ports with no binding show as null."""

    sandbox_id: str = ""
    sandbox_key: str = ""
    ports: dict[str, list[PortBinding] | None] = field(default_factory=dict)
    networks: dict[str, EndpointSettings] = field(default_factory=dict)


class IPAMConfig(Wire, frozen=True, rename=pascal(ip_range="IPRange")):
    """One address pool of a network."""

    subnet: str = ""
    ip_range: str = ""
    gateway: str = ""
    auxiliary_addresses: dict[str, str] = field(default_factory=dict)

    omit_empty = frozenset({"subnet", "ip_range", "gateway", "auxiliary_addresses"})


class IPAM(Wire, frozen=True):
    """How a network's addresses are managed."""

    driver: str = ""
    options: dict[str, str] = field(default_factory=dict)
    config: list[IPAMConfig] = field(default_factory=list)

    null_empty = frozenset({"options"})


class ConfigReference(Wire, frozen=True):
    """A configuration-only network whose settings are taken."""

    network: str = ""


class EndpointResource(
    Wire,
    frozen=True,
    rename=pascal(endpoint_id="EndpointID", ipv4_address="IPv4Address", ipv6_address="IPv6Address"),
):
    """A container in a network's inspect."""

    name: str = ""
    endpoint_id: str = ""
    mac_address: str = ""
    ipv4_address: str = ""
    ipv6_address: str = ""


class SubnetStatus(
    Wire, frozen=True, rename=pascal(ips_in_use="IPsInUse", dynamic="DynamicIPsAvailable")
):
    """How many addresses of a subnet are taken or reserved, and can still be given out."""

    ips_in_use: UInt = 0
    dynamic: UInt = 0


class IPAMStatus(Wire, frozen=True):
    """The address pools of a network, by subnet."""

    subnets: dict[str, SubnetStatus] = field(default_factory=dict)


class NetworkStatus(Wire, frozen=True, rename=pascal(ipam="IPAM")):
    """What /networks/{id} tells of a network's present use (v1.52)."""

    ipam: IPAMStatus = IPAMStatus()


_NETWORK_NAMES = pascal(ipam="IPAM", enable_ipv4="EnableIPv4", enable_ipv6="EnableIPv6")


class Network(Wire, frozen=True, rename=_NETWORK_NAMES):
    """A network as /networks and /networks/{id} show it; `containers` is None in lists."""

    name: str = ""
    id: str = ""
    created: str = ""
    scope: str = "local"
    driver: str = ""
    enable_ipv4: bool = True
    enable_ipv6: bool = False
    ipam: IPAM = IPAM()
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    config_from: ConfigReference = ConfigReference()
    config_only: bool = False
    options: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    containers: dict[str, EndpointResource] | None = None
    status: NetworkStatus | None = None

    omit_empty = frozenset({"containers", "status"})


class NetworkCreateBody(Wire, frozen=True, rename=_NETWORK_NAMES):
    """Body of /networks/create; None in the `enable_` fields is the daemon's default."""

    name: str = ""
    check_duplicate: bool = False  # before v1.44; names are always checked
    driver: str = ""
    scope: str = ""
    enable_ipv4: bool | None = None
    enable_ipv6: bool | None = None
    ipam: IPAM | None = None
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    config_only: bool = False
    config_from: ConfigReference | None = None
    options: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)


class NetworkCreateResponse(Wire, frozen=True):
    """Answer of /networks/create."""

    id: str = ""
    warning: str = ""


class NetworkConnectRequest(Wire, frozen=True):
    """Body of /networks/{id}/connect."""

    container: str = ""
    endpoint_config: EndpointSettings = EndpointSettings()


class NetworkDisconnectRequest(Wire, frozen=True):
    """Body of /networks/{id}/disconnect."""

    container: str = ""
    force: bool = False


NetworkConnectBody = NetworkConnectRequest
NetworkDisconnectBody = NetworkDisconnectRequest


class NetworksPruneResponse(Wire, frozen=True):
    """Answer of /networks/prune."""

    networks_deleted: list[str] = field(default_factory=list)

    null_empty = frozenset({"networks_deleted"})
