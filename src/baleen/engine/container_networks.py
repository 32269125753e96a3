"""What a container has of networks while it runs: endpoints, published ports, name files.

A *sandbox* is a container's network namespace with its interfaces. At a start the endpoints are
allocated and the ports reserved; the supervisor then makes the interfaces. At the end everything
is given back. Between the two, `connect` and `disconnect` change a running container.

See: Engine API v1.55, /networks/{id}/connect; HostConfig.NetworkMode.
"""

from __future__ import annotations

import hashlib
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from baleen.api import EndpointIPAMConfig, EndpointSettings
from baleen.engine.default_route import set_default_route
from baleen.engine.endpoint_checks import check_connect, check_endpoint
from baleen.engine.port_bindings import port_map, port_requests
from baleen.engine.public_files import write_public_file
from baleen.errors import (
    Conflict,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Sequence

    from baleen.containers import ContainerStore
    from baleen.containers.record import ContainerRecord
    from baleen.engine.config import EngineConfig
    from baleen.engine.events import EventBus
    from baleen.engine.supervisor_link import SupervisorLink
    from baleen.network.manager import NetworkManager
    from baleen.network.network import Endpoint, Network

__all__ = ["ContainerNetworks", "Sandbox", "network_of_mode", "shared_with"]

_PREDEFINED = {"": "bridge", "default": "bridge"}


def shared_with(mode: str) -> str | None:
    """Return the container that `container:<ref>` names, or None for another mode."""
    kind, sep, ref = mode.partition(":")
    return ref if sep and kind == "container" else None


def network_of_mode(mode: str) -> str:
    """Return the network's name or id that a NetworkMode means."""
    return _PREDEFINED.get(mode, mode)


@dataclass(slots=True)
class Sandbox:
    """What a start needs from the networks.

    Attributes:
        interfaces: for the supervisor, in the order eth0, eth1, …
        sockets: hold the host ports; to be passed to the supervisor and closed.
        dns: the `dns` object of start.json, or None.
        hosts, resolv_conf: contents of the files; None when another container's are shared.
        changes: fields of the container's record that are true from the start on.
    """

    interfaces: list[dict[str, Any]] = field(default_factory=list)
    sockets: tuple[socket.socket, ...] = ()
    dns: dict[str, Any] | None = None
    hosts: str | None = None
    resolv_conf: str | None = None
    changes: dict[str, Any] = field(default_factory=dict)


class ContainerNetworks:
    """Gives containers their endpoints and takes them back."""

    def __init__(
        self,
        config: EngineConfig,
        store: ContainerStore,
        networks: NetworkManager,
        events: EventBus,
    ) -> None:
        self._config = config
        self._store = store
        self._networks = networks
        self._events = events

    # --- at create -------------------------------------------------------------------------

    def initial_endpoints(
        self, mode: str, wanted: dict[str, EndpointSettings]
    ) -> dict[str, EndpointSettings]:
        """Return the endpoints of a new container by network name, nothing allocated yet.

        Raises:
            InvalidArgument: endpoints that contradict the mode.
        """
        if shared_with(mode) is not None:
            if wanted:
                raise InvalidArgument(
                    "conflicting options: cannot attach to networks when sharing another "
                    "container's network"
                )
            return {}
        endpoints = {self._name_of(network_of_mode(mode)): EndpointSettings()}
        for reference, settings in wanted.items():
            endpoints[self._name_of(network_of_mode(reference))] = settings
        if len(endpoints) > 1 and {"host", "none"} & endpoints.keys():
            raise InvalidArgument(
                "conflicting options: cannot attach both user-defined and non-user-defined "
                "network-modes"
            )
        return {
            name: msgspec.structs.replace(settings, network_id=self._checked_id(name, settings))
            for name, settings in endpoints.items()
        }

    def _name_of(self, reference: str) -> str:
        """Return the name of a network; one that does not exist (yet) is looked up at start."""
        try:
            return self._networks.resolve(reference).name
        except NotFound:
            return reference

    def _checked_id(self, name: str, settings: EndpointSettings) -> str:
        try:
            network = self._networks.resolve(name)
        except NotFound:
            return ""
        check_endpoint(network, settings)
        return network.id

    # --- at start and end ------------------------------------------------------------------

    async def prepare(self, record: ContainerRecord, undo: AsyncExitStack) -> Sandbox:
        """Allocate everything that the container needs for one run.

        `undo` gets the steps that give it back, pushed before anything can fail behind them.
        """
        mode = record.host_config.network_mode
        if (other := shared_with(mode)) is not None:
            return self._shared(other)
        endpoints: list[Endpoint] = []
        for name, settings in record.endpoints.items():
            endpoint = await self._allocate(record, self._network(name, settings), settings)
            undo.push_async_callback(self._networks.release_endpoint, endpoint)
            endpoints.append(endpoint)
        sandbox = Sandbox()
        gateway = self._networks.gateway_endpoint(endpoints)
        endpoints = self._add_interfaces(sandbox, endpoints, gateway)
        published = await self._publish(record, sandbox, gateway, undo)
        host = record.host_config
        sandbox.dns = self._dns(record, endpoints)
        sandbox.resolv_conf = self._resolv_conf(record, endpoints)
        sandbox.hosts = self._networks.hosts(
            endpoints,
            hostname=record.config.hostname,
            domainname=record.config.domainname,
            extra_hosts=[*host.extra_hosts, *self._linked_hosts(record)],
        )
        sandbox.changes = {
            "endpoints": {
                name: _shown(settings, endpoint)
                for (name, settings), endpoint in zip(
                    record.endpoints.items(), endpoints, strict=True
                )
            },
            "active_endpoints": endpoints,
            "published": list(published),
            "ports": port_map(record.config, published),
            "sandbox_id": hashlib.sha256(f"{record.id}:sandbox".encode()).hexdigest(),
        }
        return sandbox

    def _network(self, name: str, settings: EndpointSettings) -> Network:
        try:
            return self._networks.resolve(settings.network_id or name)
        except NotFound:
            return self._networks.resolve(name)

    async def _allocate(
        self, record: ContainerRecord, network: Network, settings: EndpointSettings
    ) -> Endpoint:
        ipam = settings.ipam_config or EndpointIPAMConfig()
        # The mac_address of a record may be one that an earlier run was given; only what the
        # user asked for is a wish.
        wanted_mac = record.wanted_macs.get(network.name, "")
        return await self._networks.allocate_endpoint(
            network,
            record.id,
            container_name=record.name,
            aliases=settings.aliases,
            hostname=record.config.hostname,
            ipv4=ipam.ipv4_address,
            mac=wanted_mac,
            gw_priority=settings.gw_priority,
        )

    def _add_interfaces(
        self, sandbox: Sandbox, endpoints: Iterable[Endpoint], gateway: Endpoint | None
    ) -> list[Endpoint]:
        """Add the interfaces' documents; returns the endpoints with their numbers."""
        numbered = []
        index = 0
        for endpoint in endpoints:
            interface = self._networks.interface(endpoint, index, gateway=endpoint is gateway)
            if interface is None:
                numbered.append(endpoint)
                continue
            sandbox.interfaces.append(interface)
            numbered.append(msgspec.structs.replace(endpoint, index=index))
            index += 1
        return numbered

    async def _publish(
        self,
        record: ContainerRecord,
        sandbox: Sandbox,
        gateway: Endpoint | None,
        undo: AsyncExitStack,
    ) -> tuple[Any, ...]:
        requests = port_requests(record.config, record.host_config)
        if not requests or gateway is None or gateway.driver != "bridge":
            return ()
        try:
            published = await self._networks.publish(gateway, requests)
        except Internal as err:
            raise Internal(
                f"driver failed programming external connectivity on endpoint {record.name} "
                f"({gateway.id}): {err}"
            ) from err
        sandbox.sockets = published.sockets
        for sock in published.sockets:
            undo.callback(sock.close)
        undo.push_async_callback(self._networks.unpublish, gateway, published.ports)
        return published.ports

    def _dns(self, record: ContainerRecord, endpoints: Sequence[Endpoint]) -> dict[str, Any] | None:
        servers = record.host_config.dns or self._config.dns
        return self._networks.dns(record.id, endpoints, servers=servers)

    def _resolv_conf(self, record: ContainerRecord, endpoints: Sequence[Endpoint]) -> str:
        host = record.host_config
        return self._networks.resolv_conf(
            endpoints,
            servers=host.dns or self._config.dns,
            search=host.dns_search or self._config.dns_search,
            options=host.dns_options or self._config.dns_options,
        )

    def _write_resolv_conf(self, record: ContainerRecord, endpoints: Sequence[Endpoint]) -> None:
        """Change the file in place: it is bound into the running container."""
        text = self._resolv_conf(record, endpoints)
        write_public_file(f"{record.state_dir}/resolv.conf", text)

    def _shared(self, other: str) -> Sandbox:
        record = self._store.get(other)
        if not record.is_running:
            raise Conflict(f"cannot join network namespace of a non running container: {record.id}")
        return Sandbox()

    def _linked_hosts(self, record: ContainerRecord) -> list[str]:
        """Return `alias:address` for the legacy links of the default bridge."""
        hosts = []
        for link in record.host_config.links:
            reference, _, alias = link.partition(":")
            try:
                target = self._store.get(reference)
            except NotFound as err:
                raise InvalidArgument(f"could not get container for {reference}: {err}") from err
            if not target.is_running:
                raise FailedPrecondition(
                    f"Cannot link to a non running container: /{target.name} AS "
                    f"/{record.name}/{alias or target.name}"
                )
            address = next((e.ipv4 for e in target.active_endpoints if e.ipv4), "")
            names = dict.fromkeys((alias or target.name, target.name, target.id[:12]))
            hosts += [f"{name}:{address}" for name in names if address]
        return hosts

    async def release(self, record: ContainerRecord) -> dict[str, Any]:
        """Give back what the last run had; returns the changes of the record. Idempotent."""
        gateway = self._networks.gateway_endpoint(record.active_endpoints)
        if gateway is not None and record.published:
            await self._networks.unpublish(gateway, record.published)
        for endpoint in record.active_endpoints:
            await self._networks.release_endpoint(endpoint)
        return {
            "endpoints": {
                name: _asked(settings, record.wanted_macs.get(name, ""))
                for name, settings in record.endpoints.items()
            },
            "active_endpoints": [],
            "published": [],
            "ports": {},
            "sandbox_id": "",
        }

    # --- connect and disconnect ------------------------------------------------------------

    async def connect(
        self,
        record: ContainerRecord,
        network: Network,
        settings: EndpointSettings,
        link: SupervisorLink | None,
    ) -> None:
        """Join a network; a running container gets an interface at once.

        Raises:
            PermissionDenied: it runs and is already there (403 as in Docker).
            InvalidArgument: a bad address or alias, or its network is not its own.
        """
        running = link is not None and record.status.is_active
        check_connect(record, network)
        if running and network.name in record.endpoints:
            raise PermissionDenied(
                f"endpoint with name {record.name} already exists in network {network.name}"
            )
        check_endpoint(network, settings)
        settings = msgspec.structs.replace(settings, network_id=network.id)
        if settings.mac_address:
            macs = {**record.wanted_macs, network.name: settings.mac_address}
            record = self._store.update(record.id, wanted_macs=macs)
        if link is None or not running:
            self._store.update(record.id, endpoints={**record.endpoints, network.name: settings})
            return
        async with AsyncExitStack() as undo:
            endpoint = await self._allocate(record, network, settings)
            undo.push_async_callback(self._networks.release_endpoint, endpoint)
            endpoint = msgspec.structs.replace(endpoint, index=_next_index(record.active_endpoints))
            active = [*record.active_endpoints, endpoint]
            dns = self._dns(record, active)
            before = self._networks.gateway_endpoint(record.active_endpoints)
            # Its default route replaces the one that is there.
            takes_over = self._networks.gateway_endpoint(active) is endpoint
            interface = self._networks.interface(endpoint, endpoint.index, gateway=takes_over)
            if interface is not None:
                await link.send("connect", interface=interface, dns=dns)
            if takes_over and before is not None and record.published:
                await self._networks.move_ports(before, endpoint, record.published)
            self._write_resolv_conf(record, active)
            self._store.update(
                record.id,
                endpoints={**record.endpoints, network.name: _shown(settings, endpoint)},
                active_endpoints=active,
            )
            undo.pop_all()

    async def disconnect(
        self,
        record: ContainerRecord,
        network: Network,
        link: SupervisorLink | None,
        *,
        force: bool,
    ) -> None:
        """Leave a network; a running container loses the interface at once.

        Raises:
            NotFound: it is not there.
            InvalidArgument: it lives in the host's network.
        """
        if network.name == "host":
            raise InvalidArgument(
                "container cannot be disconnected from host network or connected to host network"
            )
        if network.name not in record.endpoints:
            raise NotFound(f"container {record.id} is not connected to network {network.name}")
        gone = [e for e in record.active_endpoints if e.network_id == network.id]
        active = [e for e in record.active_endpoints if e.network_id != network.id]
        before = self._networks.gateway_endpoint(record.active_endpoints)
        after = self._networks.gateway_endpoint(active)
        published = record.published
        for endpoint in gone:
            if published and before is endpoint:
                if after is None:
                    await self._networks.unpublish(endpoint, published)
                    published = []
                else:
                    await self._networks.move_ports(endpoint, after, published)
            if endpoint.host_name and link is not None:
                try:
                    await link.send("disconnect", host_name=endpoint.host_name)
                except Internal:
                    if not force:
                        raise
            await self._networks.release_endpoint(endpoint)
        if record.status.is_active:
            if after is not None and before is not after:
                self._route_through(record, after)
            self._dns(record, active)
        endpoints = {name: s for name, s in record.endpoints.items() if name != network.name}
        self._store.update(
            record.id,
            endpoints=endpoints,
            active_endpoints=active,
            published=published,
            ports=port_map(record.config, published) if record.status.is_active else {},
        )

    def _route_through(self, record: ContainerRecord, endpoint: Endpoint) -> None:
        """Give the running container a default route through that endpoint (Internal)."""
        interface = self._networks.interface(endpoint, max(endpoint.index, 0), gateway=True)
        if interface is None:
            return
        try:
            set_default_route(record.pid, interface["name"], endpoint.gateway)
        except OSError as err:
            raise Internal(
                f"cannot route container {record.id} through {endpoint.network_name}: "
                f"{err.strerror}"
            ) from err


def _next_index(endpoints: Sequence[Endpoint]) -> int:
    """Return the number of the next interface: above all that are there now."""
    return 1 + max((item.index for item in endpoints), default=-1)


def _shown(settings: EndpointSettings, endpoint: Endpoint) -> EndpointSettings:
    return msgspec.structs.replace(
        settings,
        network_id=endpoint.network_id,
        endpoint_id=endpoint.id,
        gateway=endpoint.gateway,
        ip_address=endpoint.ipv4,
        ip_prefix_len=endpoint.prefix_len,
        mac_address=endpoint.mac,
        dns_names=list(endpoint.names),
    )


def _asked(settings: EndpointSettings, wanted_mac: str) -> EndpointSettings:
    return msgspec.structs.replace(
        settings,
        endpoint_id="",
        gateway="",
        ip_address="",
        ip_prefix_len=0,
        mac_address=wanted_mac,
    )
