"""Whether a container may be on a network, and with the address and names it asks for.

The messages are Docker's: clients and their tests match them.

See: moby `daemon/container_operations.go`, `api/types/network/endpoint.go`.
"""

from __future__ import annotations

from ipaddress import IPv4Network, ip_address
from typing import TYPE_CHECKING

from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from baleen.api import EndpointSettings
    from baleen.containers.record import ContainerRecord
    from baleen.network.network import Network

__all__ = ["check_connect", "check_endpoint"]


def check_connect(record: ContainerRecord, network: Network) -> None:
    """Raise InvalidArgument if the container's own networks leave no place for this one."""
    mode = record.host_config.network_mode
    if mode.startswith("container:"):
        raise InvalidArgument(
            "container sharing network namespace with another container or host cannot be "
            "connected to any other network"
        )
    others = record.endpoints.keys() - {network.name}
    if "host" in others or (network.name == "host" and others):
        raise InvalidArgument(
            "container cannot be disconnected from host network or connected to host network"
        )
    if "none" in others or (network.name == "none" and others):
        raise InvalidArgument(
            "container cannot be connected to multiple networks with one of the networks in "
            "private (none) mode"
        )


def check_endpoint(network: Network, settings: EndpointSettings) -> None:
    """Raise InvalidArgument for an address or a name that the network cannot give."""
    if settings.ipam_config and settings.ipam_config.ipv4_address:
        _check_address(network, settings.ipam_config.ipv4_address)
    if settings.aliases and not network.has_names:
        raise InvalidArgument(
            "network-scoped alias is supported only for containers in user defined networks"
        )


def _check_address(network: Network, text: str) -> None:
    if not network.user_pools:
        if network.driver != "bridge" or network.is_predefined:
            raise InvalidArgument(
                "user specified IP address is supported on user defined networks only"
            )
        raise InvalidArgument(
            "user specified IP address is supported only when connecting to networks with "
            "user configured subnets"
        )
    try:
        address = ip_address(text)
    except ValueError as err:
        raise InvalidArgument(
            f"invalid endpoint settings:\ninvalid IPv4 address: {text[:64]}"
        ) from err
    if not any(address in IPv4Network(pool.subnet) for pool in network.pools):
        raise InvalidArgument(
            "invalid endpoint settings:\nno configured subnet or ip-range contain the IP address "
            f"{text[:64]}"
        )
