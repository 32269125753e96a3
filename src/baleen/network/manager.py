"""The NetworkManager: all networks of this daemon, live, and what they need on the host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from baleen.network.network import (
        Endpoint,
        Network,
        NetworkSpec,
        PortRequest,
        Published,
        PublishedPort,
    )
    from baleen.state.database import Database

__all__ = ["NetworkConfig", "NetworkManager"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfig:
    """The daemon's settings that concern networks.

    Attributes:
        exec_root: run folder; the manager owns its subfolder `networks`.
        bridge: name of the default network's bridge.
        bip: address and prefix of that bridge ("" = first free pool).
        table: name of the nftables table (family ip) that is ours alone.
    """

    exec_root: Path
    bridge: str = "baleen0"
    bip: str = ""
    table: str = "baleen"
    address_pools: tuple[tuple[str, int], ...] = ()
    mtu: int = 1500
    icc: bool = True
    ip_masquerade: bool = True
    ip_forward: bool = True
    default_binding: str = "0.0.0.0"  # noqa: S104  # Docker's default for -p without an address
    resolv_conf: str = "/etc/resolv.conf"


class NetworkManager:
    """Networks, endpoints and published ports. Used from the daemon's loop only.

    Life cycle: `await start()` once, then `await adopt(...)` with the endpoints of containers
    that outlived the previous daemon, then everything else. `close()` leaves the kernel's objects
    alone (containers go on); `await uninstall()` removes them all.

    Methods that are not async only read. A cancelled async call has either done nothing or is
    repaired by the next `start`.
    """

    def __init__(self, config: NetworkConfig, database: Database) -> None:
        raise NotImplementedError

    async def start(self) -> None:
        """Load the networks, make bridge/host/none if new, and bring the kernel to that state.

        Idempotent: bridges that are right stay untouched, the firewall table is rebuilt in one
        atomic step (with no endpoint in it yet: call `adopt` next).
        """
        raise NotImplementedError

    async def adopt(self, endpoints: Iterable[tuple[Endpoint, Sequence[PublishedPort]]]) -> None:
        """Take over endpoints of running containers, with their published ports, no binding.

        Rebuilds addresses in use, firewall elements and names; removes host interfaces and names
        of endpoints that are not given. Call it exactly once, after `start`.
        """
        raise NotImplementedError

    async def uninstall(self) -> None:
        """Remove our table, bridges and interfaces, and set back the sysctls that we changed."""
        raise NotImplementedError

    def close(self) -> None:
        """Close descriptors; changes nothing in the kernel."""
        raise NotImplementedError

    # Networks

    def networks(self) -> list[Network]:
        """Every network, oldest first."""
        raise NotImplementedError

    def resolve(self, reference: str) -> Network:
        """Find by full id, then exact name, then unambiguous id prefix; "default" is the bridge.

        Raises:
            NotFound: `network x not found`.
            InvalidArgument: the prefix fits several.
        """
        raise NotImplementedError

    def endpoints(self, network_id: str) -> list[Endpoint]:
        """Endpoints now on the network (of running containers)."""
        raise NotImplementedError

    async def create(self, spec: NetworkSpec) -> Network:
        """Create and store a network and its bridge.

        Raises:
            AlreadyExists: `network with name x already exists`.
            InvalidArgument: name, driver option or address is malformed.
            PermissionDenied: predefined name; or `Pool overlaps with other one on this address
                space` (Docker answers 403 to both).
            NotFound: no such driver.
        """
        raise NotImplementedError

    async def remove(self, reference: str) -> Network:
        """Remove the network and its bridge; returns what it was.

        Raises:
            NotFound: no such network.
            PermissionDenied: predefined, or it has active endpoints (403 as in Docker).
        """
        raise NotImplementedError

    # Endpoints

    async def allocate_endpoint(
        self,
        network: Network,
        container_id: str,
        *,
        container_name: str,
        aliases: Sequence[str] = (),
        ipv4: str = "",
        mac: str = "",
        gw_priority: int = 0,
    ) -> Endpoint:
        """Reserve an address and publish the names on the network. At each start of a container.

        Raises:
            PermissionDenied: `Address already in use`.
            InvalidArgument: the address is not one of the network's, or malformed.
            ResourceExhausted: the pool is used up.
        """
        raise NotImplementedError

    async def release_endpoint(self, endpoint: Endpoint) -> None:
        """Give address and names back; idempotent. Unpublish its ports before."""
        raise NotImplementedError

    async def rename(self, container_id: str, container_name: str) -> list[Endpoint]:
        """Put a new container name in force; returns the container's changed endpoints."""
        raise NotImplementedError

    def interface(self, endpoint: Endpoint, index: int, *, gateway: bool) -> dict[str, Any] | None:
        """The interface document eth<index> for the supervisor (contract: `Interface`).

        `gateway`: this interface gets the default route. None for the drivers host and null.
        """
        raise NotImplementedError

    def gateway_endpoint(self, endpoints: Iterable[Endpoint]) -> Endpoint | None:
        """The endpoint that gives the default route: highest gw_priority, then first by name."""
        raise NotImplementedError

    def host_gateway(self) -> str:
        """The address that `host-gateway` in extra hosts stands for."""
        raise NotImplementedError

    # Ports

    async def publish(self, endpoint: Endpoint, requests: Sequence[PortRequest]) -> Published:
        """Reserve host ports and let them lead to the endpoint; all or nothing.

        On networks without a way out (internal) and without bridge nothing is published.

        Raises:
            Internal: `Bind for 0.0.0.0:80 failed: port is already allocated` or `failed to bind
                host port for 0.0.0.0:80:172.17.0.2:80/tcp: address already in use` (Docker
                answers 500 to both); the engine prefixes `driver failed programming external
                connectivity on endpoint <name> (<id>): `.
        """
        raise NotImplementedError

    async def unpublish(self, endpoint: Endpoint, ports: Sequence[PublishedPort]) -> None:
        """Close the way to the endpoint; idempotent. The sockets are the supervisor's."""
        raise NotImplementedError

    # Files

    def resolv_conf(
        self,
        endpoints: Iterable[Endpoint],
        *,
        servers: Sequence[str] = (),
        search: Sequence[str] = (),
        options: Sequence[str] = (),
    ) -> str:
        """Content of the container's /etc/resolv.conf."""
        raise NotImplementedError

    def dns(
        self, container_id: str, endpoints: Iterable[Endpoint], *, servers: Sequence[str] = ()
    ) -> dict[str, Any] | None:
        """The `dns` document of start.json, or None when the container needs no resolver.

        Writes the container's list of names files; call it again after connect and disconnect.
        """
        raise NotImplementedError

    def hosts(
        self,
        endpoints: Iterable[Endpoint],
        *,
        hostname: str,
        domainname: str = "",
        extra_hosts: Sequence[str] = (),
    ) -> str:
        """Content of the container's /etc/hosts; `name:host-gateway` is resolved here."""
        raise NotImplementedError
