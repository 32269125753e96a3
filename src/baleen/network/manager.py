"""The NetworkManager: all networks of this daemon, live, and what they need on the host."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from baleen.errors import (
    BaleenError,
    Conflict,
    Internal,
    NotFound,
    PermissionDenied,
)
from baleen.linux.conntrack import ConntrackSocket
from baleen.linux.rtnetlink import RouteSocket, del_link, del_neighbour
from baleen.network import bridge, ipam
from baleen.network.config import NetworkConfig
from baleen.network.container_files import ContainerFiles
from baleen.network.directory import NetworkDirectory
from baleen.network.firewall import Firewall
from baleen.network.forwarding import disable_forwarding, enable_forwarding
from baleen.network.localhost6 import Localhost6
from baleen.network.names import NamesFiles
from baleen.network.network import Endpoint, Network, Published
from baleen.network.ports import PortAllocator, ephemeral_range
from baleen.rootless.port_client import PortClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from baleen.network.firewall import BridgeRules
    from baleen.network.network import NetworkSpec, PortRequest, PublishedPort
    from baleen.state.database import Database

__all__ = ["NetworkConfig", "NetworkManager"]

_log = logging.getLogger(__name__)

_PORT_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_HOST_NAME = re.compile(r"veth[0-9a-f]{7}")


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


def _new_id() -> str:
    return secrets.token_hex(32)


class NetworkManager:
    """Networks, endpoints and published ports. Used from the daemon's loop only.

    Life cycle: `await start()` once, then `await adopt(...)` with the endpoints of containers
    that outlived the previous daemon, then everything else. `close()` leaves the kernel's objects
    alone (containers go on); `await uninstall()` removes them all.

    Methods that are not async only read, or write a file of some hundred bytes. Kernel calls of
    the async ones take some tens of microseconds, except for the removal of a bridge, which goes
    through a thread. A cancelled call has either done nothing or is repaired by the next `start`.

    What a container's files say (`resolv_conf`, `dns`, `hosts`) is `ContainerFiles`'.
    """

    def __init__(
        self,
        config: NetworkConfig,
        database: Database,
        *,
        now: Callable[[], str] = _now,
        new_id: Callable[[], str] = _new_id,
    ) -> None:
        self._config = config
        self._database = database
        self._new_id = new_id
        self._names = NamesFiles(config.exec_root / "networks")
        self._directory = NetworkDirectory(config, now=now, new_id=new_id)
        files = ContainerFiles(config, self._directory, self._names)
        self.resolv_conf = files.resolv_conf
        self.dns = files.dns
        self.hosts = files.hosts
        self._endpoints: dict[str, dict[str, Endpoint]] = {}  # network id, endpoint id
        self._localhost6 = Localhost6()
        self._changing = asyncio.Lock()  # held while the set of networks changes
        self._leaving: set[str] = set()  # bridges that are being removed
        self._resources = ExitStack()
        self._route: RouteSocket
        self._conntrack: ConntrackSocket
        self._firewall: Firewall
        self._ports: PortAllocator

    async def start(
        self, published: Iterable[tuple[Endpoint, Sequence[PublishedPort]]] = ()
    ) -> None:
        """Load the networks, make bridge/host/none if new, and bring the kernel to that state.

        Idempotent: bridges that are right stay untouched, the firewall table is rebuilt in one
        atomic step. `published` are the ports of containers that outlived the previous daemon:
        they are served throughout. Call `adopt` next.

        Raises:
            Internal: the kernel refused; no permission, or no nf_tables or bridge in it.
        """
        self._names.start()
        self._route = self._resources.enter_context(RouteSocket())
        self._conntrack = self._resources.enter_context(ConntrackSocket())
        drop_foreign = self._config.ip_forward and enable_forwarding(self._database)
        self._firewall = Firewall(self._config.table, drop_foreign=drop_foreign)
        self._resources.callback(self._firewall.close)
        forwarder = self._config.port_forwarder
        client = None if forwarder is None else PortClient(forwarder)
        self._ports = PortAllocator(ephemeral_range(_PORT_RANGE), client)
        stored = [
            msgspec.json.decode(document, type=Network)
            for _, document in self._database.all("networks")
        ]
        for network in sorted(stored, key=lambda network: network.created):
            self._add(network)
        for network in self._directory.decide_predefined(self._host_networks()):
            self._database.put("networks", network.id, msgspec.json.encode(network))
            self._add(network)
        rules = []
        for network in self._directory.all():
            if network.driver == "bridge":
                options = self._directory.options(network.id)
                with _kernel_refuses(f"set up bridge {network.bridge}"):
                    bridge.ensure_bridge(self._route, network, options)
                rules.append(bridge.bridge_rules(network, options))
        with _kernel_refuses(f"write the nftables table {self._config.table}"):
            self._firewall.rebuild(rules, [(end.ipv4, ports) for end, ports in published])

    async def adopt(self, endpoints: Iterable[tuple[Endpoint, Sequence[PublishedPort]]]) -> None:
        """Take over endpoints of running containers, with their published ports, no binding.

        Rebuilds addresses in use, firewall elements and names; removes host interfaces and names
        of endpoints that are not given. Call it exactly once, after `start`.
        """
        for endpoint, ports in endpoints:
            network = self._directory.get(endpoint.network_id)
            if network is None:
                _log.warning("endpoint %s is on an unknown network", endpoint.id)
                continue
            pool = self._directory.pool(network.id)
            if pool is not None:
                try:
                    pool.take(endpoint.ipv4)
                except BaleenError:
                    _log.warning("endpoint %s: cannot take %s again", endpoint.id, endpoint.ipv4)
            self._endpoints[network.id][endpoint.id] = endpoint
            self._ports.adopt(ports)
            self._firewall.publish(endpoint.ipv4, ports)
            await self._open_localhost6(endpoint, ports)
        alive = [item for group in self._endpoints.values() for item in group.values()]
        with_names = {network.id for network in self._directory.all() if network.has_names}
        self._names.keep(with_names, {item.container_id for item in alive})
        for network_id in with_names:
            self._write_names(network_id)
        for container_id in {item.container_id for item in alive}:
            self.dns(container_id, [item for item in alive if item.container_id == container_id])
        self._repair_ports(alive)
        await self._remove_stale_interfaces({item.host_name for item in alive})

    def _repair_ports(self, alive: Iterable[Endpoint]) -> None:
        """Put interfaces back on bridges that `start` had to make anew under running containers."""
        links = {link.name: link for link in self._route.links()}
        for endpoint in alive:
            link = links.get(endpoint.host_name)
            master = links.get(self._directory[endpoint.network_id].bridge)
            if link is not None and master is not None and link.master != master.ifindex:
                options = self._directory.options(endpoint.network_id)
                self._route.run(
                    *bridge.join_bridge(endpoint, options, link.ifindex, master.ifindex)
                )

    async def _remove_stale_interfaces(self, known: set[str]) -> None:
        bridges = {network.bridge for network in self._directory.all()}
        links = self._route.links()
        ours = {link.ifindex for link in links if link.name in bridges}
        stale = [
            link.name
            for link in links
            if link.master in ours and _HOST_NAME.fullmatch(link.name) and link.name not in known
        ]
        if stale:
            await asyncio.to_thread(_delete_links, stale)

    async def uninstall(self) -> None:
        """Remove our table, bridges and interfaces, and set back the sysctls that we changed."""
        self._firewall.delete()
        await self._remove_stale_interfaces(set())
        for network in self._directory.all():
            if network.bridge and network.owns_bridge:
                await asyncio.to_thread(bridge.delete_bridge, network.bridge)
        disable_forwarding(self._database)

    def close(self) -> None:
        """Close descriptors; changes nothing in the kernel."""
        self._localhost6.close_all()
        self._resources.close()

    # Networks

    def networks(self) -> list[Network]:
        """Every network, oldest first."""
        return self._directory.all()

    def resolve(self, reference: str) -> Network:
        """Find by full id, then exact name, then unambiguous id prefix; "default" is the bridge.

        Raises:
            NotFound: `network x not found`.
            InvalidArgument: the prefix fits several.
        """
        return self._directory.resolve(reference)

    def rules(self, network: Network) -> BridgeRules | None:
        """How the firewall treats the network; None for the drivers host and null."""
        if network.driver != "bridge":
            return None
        return bridge.bridge_rules(network, self._directory.options(network.id))

    def endpoints(self, network_id: str) -> list[Endpoint]:
        """Endpoints now on the network (of running containers)."""
        return list(self._endpoints.get(network_id, {}).values())

    def address_counts(self, network_id: str) -> tuple[int, int] | None:
        """(addresses in use, addresses available) of the network's pool; None without a pool."""
        pool = self._directory.pool(network_id)
        return None if pool is None else (pool.in_use, pool.available)

    async def create(self, spec: NetworkSpec) -> Network:
        """Create and store a network and its bridge.

        Raises:
            AlreadyExists: `network with name x already exists`.
            InvalidArgument: name, driver option or address is malformed.
            PermissionDenied: predefined name; or `Pool overlaps with other one on this address
                space` (Docker answers 403 to both).
            NotFound: no such driver.
            NotImplemented: IPv6.
        """
        async with self._changing:
            network = self._directory.decide(
                spec,
                host_networks=self._host_networks(),
                bridge_exists=lambda name: self._route.link(name) is not None,
            )
            if network.bridge in self._leaving:
                raise Conflict(f"cannot use bridge {network.bridge}: it is just being removed")
            options = self._directory.parse_options(network)
            with ExitStack() as undo:
                # Stored first: after a crash the next start makes what is missing.
                self._database.put("networks", network.id, msgspec.json.encode(network))
                undo.callback(self._database.delete, "networks", network.id)
                with _kernel_refuses(f"create network {network.name}"):
                    if bridge.ensure_bridge(self._route, network, options):
                        undo.callback(bridge.delete_bridge, network.bridge)
                    self._firewall.set_bridge(bridge.bridge_rules(network, options))
                undo.pop_all()
            self._add(network)
        return network

    async def remove(self, reference: str) -> Network:
        """Remove the network and its bridge; returns what it was.

        Raises:
            NotFound: no such network.
            PermissionDenied: predefined, or it has active endpoints (403 as in Docker).
        """
        async with self._changing:
            network = self.resolve(reference)
            if network.is_predefined:
                raise PermissionDenied(
                    f"{network.name} is a pre-defined network and cannot be removed"
                )
            if self._endpoints[network.id]:
                users = ", ".join(
                    f'name:"{item.container_name}" id:"{item.id[:12]}"'
                    for item in self._endpoints[network.id].values()
                )
                raise PermissionDenied(
                    f"error while removing network: network {network.name} id {network.id} "
                    f"has active endpoints ({users})"
                )
            self._directory.forget(network.id)
            del self._endpoints[network.id]
            self._firewall.remove_bridge(network.bridge)
        # Not under the lock: the kernel can take long when somebody still uses the bridge (F38).
        await asyncio.shield(self._finish_removal(network))
        return network

    async def _finish_removal(self, network: Network) -> None:
        self._leaving.add(network.bridge)
        try:
            if network.owns_bridge:
                with _kernel_refuses(f"remove bridge {network.bridge}"):
                    await asyncio.to_thread(bridge.delete_bridge, network.bridge)
            self._database.delete("networks", network.id)
            self._names.remove_network(network.id)
        finally:
            self._leaving.discard(network.bridge)

    def _add(self, network: Network) -> None:
        self._directory.add(network)
        self._endpoints.setdefault(network.id, {})

    def _host_networks(self) -> list[IPv4Network]:
        """Where the host itself has addresses or routes (its default route is no place).

        A default bridge that another daemon's life has left does not count: it will be ours.
        """
        own = self._route.link(self._config.bridge)
        ifindex = own.ifindex if own else 0
        places = [
            f"{item.address}/{item.prefix_len}"
            for item in self._route.addresses()
            if item.ifindex != ifindex
        ]
        places += [route.to for route in self._route.routes() if route.ifindex != ifindex]
        networks = [IPv4Network(place, strict=False) for place in places]
        return [network for network in networks if network.prefixlen]

    # Endpoints

    async def allocate_endpoint(
        self,
        network: Network,
        container_id: str,
        *,
        container_name: str,
        aliases: Sequence[str] = (),
        hostname: str = "",
        ipv4: str = "",
        mac: str = "",
        gw_priority: int = 0,
    ) -> Endpoint:
        """Reserve an address and publish the names on the network. At each start of a container.

        Raises:
            NotFound: the network has been removed meanwhile.
            PermissionDenied: `Address already in use`.
            InvalidArgument: the address is not one of the network's, or malformed.
            ResourceExhausted: the pool is used up.
        """
        if self._directory.get(network.id) is None:
            raise NotFound(f"network {network.name} not found")
        container_name = container_name.removeprefix("/")
        endpoint = Endpoint(
            id=self._new_id(),
            network_id=network.id,
            network_name=network.name,
            driver=network.driver,
            container_id=container_id,
            container_name=container_name,
            aliases=tuple(aliases),
            internal=network.internal,
            gw_priority=gw_priority,
        )
        pool = self._directory.pool(network.id)
        if pool is not None:
            mac = ipam.parse_mac(mac) if mac else ""
            address = pool.take(ipv4) if ipv4 else pool.allocate()
            names = (container_name, *aliases, container_id[:12], hostname)
            endpoint = msgspec.structs.replace(
                endpoint,
                names=tuple(dict.fromkeys(name for name in names if name)),
                ipv4=address,
                prefix_len=pool.subnet.prefixlen,
                gateway="" if network.internal else pool.spec.gateway,
                mac=mac or ipam.mac_of(address),
                host_name=f"veth{endpoint.id[:7]}",
            )
        self._endpoints[network.id][endpoint.id] = endpoint
        self._write_names(network.id)
        return endpoint

    async def release_endpoint(self, endpoint: Endpoint) -> None:
        """Give address and names back; idempotent. Unpublish its ports before."""
        if self._endpoints.get(endpoint.network_id, {}).pop(endpoint.id, None) is None:
            return
        network = self._directory[endpoint.network_id]
        pool = self._directory.pool(network.id)
        if pool is not None:
            pool.release(endpoint.ipv4)
            self._forget_neighbour(network, endpoint.ipv4)
            self._write_names(network.id)
        if not any(
            item.container_id == endpoint.container_id
            for group in self._endpoints.values()
            for item in group.values()
        ):
            self._names.remove_view(endpoint.container_id)

    def _forget_neighbour(self, network: Network, address: str) -> None:
        """Drop the fixed ARP entry that the supervisor has made; an unused address needs none."""
        link = self._route.link(network.bridge)
        if link is None:
            return
        try:
            self._route.run(del_neighbour(link.ifindex, address))
        except FileNotFoundError:
            return

    async def rename(self, container_id: str, container_name: str) -> list[Endpoint]:
        """Put a new container name in force; returns the container's changed endpoints."""
        container_name = container_name.removeprefix("/")
        changed = []
        for network_id, group in self._endpoints.items():
            for endpoint in group.values():
                if endpoint.container_id != container_id:
                    continue
                names = (
                    container_name,
                    *(
                        name
                        for name in endpoint.names
                        if name != endpoint.container_name or name in endpoint.aliases
                    ),
                )
                fresh = msgspec.structs.replace(
                    endpoint,
                    container_name=container_name,
                    names=tuple(dict.fromkeys(names)) if endpoint.names else (),
                )
                changed.append(fresh)
                group[fresh.id] = fresh
                self._write_names(network_id)
        return changed

    def _write_names(self, network_id: str) -> None:
        network = self._directory[network_id]
        if network.has_names:
            self._names.write_network(
                network_id, network.name, self._endpoints[network_id].values()
            )

    def interface(self, endpoint: Endpoint, index: int, *, gateway: bool) -> dict[str, Any] | None:
        """The interface document eth<index> for the supervisor (contract: `Interface`).

        `gateway`: this interface gets the default route. None for the drivers host and null.
        """
        if endpoint.driver != "bridge":
            return None
        network = self._directory[endpoint.network_id]
        options = self._directory.options(network.id)
        routes = []
        if gateway and endpoint.gateway:
            routes.append({"to": "0.0.0.0/0", "via": endpoint.gateway})
        return {
            "kind": "bridge",
            "host_name": endpoint.host_name,
            "name": f"{options.interface_prefix}{index}",
            "bridge": network.bridge,
            "mac": endpoint.mac,
            "addresses": [f"{endpoint.ipv4}/{endpoint.prefix_len}"],
            "routes": routes,
            "mtu": options.mtu,
            "hairpin": bridge.bridged_frames_are_filtered(),
            "isolated": not options.icc,
            "sysctls": {},
        }

    def gateway_endpoint(self, endpoints: Iterable[Endpoint]) -> Endpoint | None:
        """The endpoint that gives the default route: highest gw_priority, then first by name."""
        usable = [item for item in endpoints if item.gateway]
        return min(usable, key=lambda item: (-item.gw_priority, item.network_name), default=None)

    def host_gateway(self) -> str:
        """The address that `host-gateway` in extra hosts stands for."""
        return self.resolve("bridge").pools[0].gateway

    # Ports

    async def publish(self, endpoint: Endpoint, requests: Sequence[PortRequest]) -> Published:
        """Reserve host ports and let them lead to the endpoint; all or nothing.

        On networks without a way out (internal) and without bridge nothing is published.

        Raises:
            InvalidArgument: a host address is malformed.
            Internal: `Bind for 0.0.0.0:80 failed: port is already allocated` or `failed to bind
                host port for 0.0.0.0:80:172.17.0.2:80/tcp: address already in use` (Docker
                answers 500 to both); the engine prefixes `driver failed programming external
                connectivity on endpoint <name> (<id>): `.
        """
        if not endpoint.gateway or not requests:
            return Published((), ())
        for request in requests:
            if request.host_ip:
                ipam.parse_address(request.host_ip)
        binding = self._directory.options(endpoint.network_id).binding
        published = self._ports.reserve(requests, address=endpoint.ipv4, binding=binding)
        try:
            with _kernel_refuses(f"publish ports of {endpoint.container_name}"):
                self._firewall.publish(endpoint.ipv4, published.ports)
                self._forget_flows(published.ports)
            await self._open_localhost6(endpoint, published.ports)
        except BaseException:
            self._ports.release(published.ports)
            for held in published.sockets:
                held.close()
            raise
        return published

    async def unpublish(self, endpoint: Endpoint, ports: Sequence[PublishedPort]) -> None:
        """Close the way to the endpoint; idempotent. The sockets are the supervisor's."""
        if ports:
            self._firewall.unpublish(endpoint.ipv4, ports)
            self._forget_flows(ports)
            self._ports.release(ports)
            for port in ports:
                self._localhost6.close(port.host_port, endpoint.ipv4)

    async def move_ports(
        self, old: Endpoint, new: Endpoint, ports: Sequence[PublishedPort]
    ) -> None:
        """Let published ports lead to another endpoint of the same container (Internal)."""
        with _kernel_refuses(f"move the ports of {new.container_name}"):
            self._firewall.unpublish(old.ipv4, ports)
            self._firewall.publish(new.ipv4, ports)
            self._ports.move(ports, new.ipv4)
        self._forget_flows(ports)
        for port in ports:
            self._localhost6.close(port.host_port, old.ipv4)
        await self._open_localhost6(new, ports)

    async def _open_localhost6(self, endpoint: Endpoint, ports: Iterable[PublishedPort]) -> None:
        """Serve [::1] as well, where 127.0.0.1 is served and the settings ask for it."""
        for port in ports:
            if (
                self._config.localhost6
                and port.protocol == "tcp"
                and port.host_ip in ("0.0.0.0", "127.0.0.1")  # noqa: S104  # compared, not bound
            ):
                await self._localhost6.open(port.host_port, (endpoint.ipv4, port.container_port))

    def _forget_flows(self, ports: Iterable[PublishedPort]) -> None:
        """Let clients that keep sending by UDP meet the change."""
        self._conntrack.forget_udp(port.host_port for port in ports if port.protocol == "udp")


@contextmanager
def _kernel_refuses(what: str) -> Iterator[None]:
    """An OSError of the kernel becomes an error that names what we were about to do."""
    try:
        yield
    except OSError as err:
        reason = "; ".join([str(err.strerror), *getattr(err, "__notes__", ())])
        raise Internal(f"cannot {what}: {reason}") from err


def _delete_links(names: Iterable[str]) -> None:
    with RouteSocket() as route:
        for name in names:
            if route.link(name) is not None:
                route.run(del_link(name))
