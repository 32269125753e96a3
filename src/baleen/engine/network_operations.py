"""Networks as the API's operations.

See: Engine API, /networks/*.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.api import (
    IPAM,
    EndpointResource,
    IPAMConfig,
    IPAMStatus,
    Network,
    NetworkCreateBody,
    NetworkCreateResponse,
    NetworkStatus,
    SubnetStatus,
)
from baleen.containers.filters import match_labels, parse_bool_filter
from baleen.engine.prune_filters import check_prune_filters, is_prunable
from baleen.errors import BaleenError, InvalidArgument
from baleen.network import NetworkSpec, PoolSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from baleen.api import NetworkConnectBody, NetworkDisconnectBody
    from baleen.containers import ContainerStore
    from baleen.engine.container_networks import ContainerNetworks
    from baleen.engine.events import EventBus
    from baleen.engine.live import LiveContainers
    from baleen.network import NetworkManager
    from baleen.network import network as model

__all__ = ["NetworkOperations"]

_FILTERS = frozenset({"driver", "id", "label", "name", "scope", "type", "dangling"})


class NetworkOperations:
    """Lists, makes and removes networks; connects containers to them."""

    def __init__(
        self,
        networks: NetworkManager,
        attachments: ContainerNetworks,
        store: ContainerStore,
        lives: LiveContainers,
        events: EventBus,
    ) -> None:
        self._networks = networks
        self._attachments = attachments
        self._store = store
        self._lives = lives
        self._events = events

    def list_all(self, filters: Mapping[str, Sequence[str]]) -> list[Network]:
        """Return the networks that pass all filters (InvalidArgument: unknown filter)."""
        for name in filters:
            if name not in _FILTERS:
                raise InvalidArgument(f"invalid filter '{name}'")
        parse_bool_filter(filters, "dangling", default=False)
        for value in filters.get("type", ()):
            if value not in ("builtin", "custom"):
                raise InvalidArgument(f"invalid filter: 'type'='{value[:64]}'")
        return [
            self._view(network, containers=False)
            for network in self._networks.networks()
            if self._matches(network, filters)
        ]

    def _matches(self, network: model.Network, filters: Mapping[str, Sequence[str]]) -> bool:
        checks: dict[str, Callable[[str], bool]] = {
            "driver": lambda v: network.driver == v,
            "id": lambda v: network.id.startswith(v),
            "name": lambda v: v in network.name,
            "scope": lambda v: v == "local",
            "type": lambda v: v == ("builtin" if network.is_predefined else "custom"),
            "dangling": lambda v: (
                (v in ("1", "true")) == (not network.is_predefined and not self._members(network))
            ),
        }
        for name, values in filters.items():
            if name == "label":
                if not match_labels(network.labels, values):
                    return False
            elif values and not any(checks[name](value) for value in values):
                return False
        return True

    def inspect(self, ref: str, *, verbose: bool = False) -> Network:
        """Return one network with its containers (NotFound)."""
        del verbose  # about swarm services only
        return self._view(self._networks.resolve(ref), containers=True)

    def _members(self, network: model.Network) -> list[str]:
        return [record.id for record in self._store if network.name in record.endpoints]

    def _view(self, network: model.Network, *, containers: bool) -> Network:
        return Network(
            name=network.name,
            id=network.id,
            created=network.created,
            driver=network.driver,
            enable_ipv4=network.enable_ipv4,
            enable_ipv6=network.enable_ipv6,
            ipam=IPAM(
                driver=network.ipam_driver,
                options=network.ipam_options,
                config=[
                    IPAMConfig(
                        subnet=pool.subnet,
                        ip_range=pool.ip_range,
                        gateway=pool.gateway,
                        auxiliary_addresses=pool.auxiliary_addresses,
                    )
                    for pool in network.pools
                ],
            ),
            internal=network.internal,
            attachable=network.attachable,
            options=network.options,
            labels=network.labels,
            containers={
                endpoint.container_id: EndpointResource(
                    name=endpoint.container_name,
                    endpoint_id=endpoint.id,
                    mac_address=endpoint.mac,
                    ipv4_address=f"{endpoint.ipv4}/{endpoint.prefix_len}" if endpoint.ipv4 else "",
                )
                for endpoint in self._networks.endpoints(network.id)
            }
            if containers
            else None,
            status=self._status(network) if containers else None,
        )

    def _status(self, network: model.Network) -> NetworkStatus | None:
        counts = self._networks.address_counts(network.id)
        if counts is None:
            return None
        status = SubnetStatus(ips_in_use=counts[0], dynamic=counts[1])
        return NetworkStatus(ipam=IPAMStatus(subnets={network.pools[0].subnet: status}))

    async def create(self, body: NetworkCreateBody) -> NetworkCreateResponse:
        """Make a network (AlreadyExists, InvalidArgument, PermissionDenied as the manager)."""
        ipam = body.ipam or IPAM()
        network = await self._networks.create(
            NetworkSpec(
                name=body.name,
                driver=body.driver or "bridge",
                internal=body.internal,
                attachable=body.attachable,
                enable_ipv4=body.enable_ipv4 is not False,
                enable_ipv6=bool(body.enable_ipv6),
                ipam_driver=ipam.driver or "default",
                ipam_options=ipam.options,
                pools=tuple(
                    PoolSpec(
                        subnet=config.subnet,
                        ip_range=config.ip_range,
                        gateway=config.gateway,
                        auxiliary_addresses=config.auxiliary_addresses,
                    )
                    for config in ipam.config
                ),
                options=body.options,
                labels=body.labels,
            )
        )
        self._publish(network, "create")
        return NetworkCreateResponse(id=network.id)

    async def remove(self, ref: str) -> None:
        """Remove a network (NotFound; PermissionDenied while containers are on it)."""
        network = await self._remove(ref)
        self._publish(network, "destroy")

    async def _remove(self, ref: str) -> model.Network:
        network = self._networks.resolve(ref)
        await self._networks.remove(network.id)
        # Stopped containers keep the wish to be on the network, as with Docker: their next start
        # says that it is gone.
        return network

    async def connect(self, ref: str, body: NetworkConnectBody) -> None:
        """Put a container on a network, at once if it runs."""
        network = self._networks.resolve(ref)
        record = self._store.get(body.container)
        live = self._lives[record.id]
        async with live.lock:
            record = self._store.get(record.id)
            await self._attachments.connect(record, network, body.endpoint_config, live.link)
        self._publish(network, "connect", container=record.id)

    async def disconnect(self, ref: str, body: NetworkDisconnectBody) -> None:
        """Take a container off a network, at once if it runs."""
        network = self._networks.resolve(ref)
        record = self._store.get(body.container)
        live = self._lives[record.id]
        async with live.lock:
            record = self._store.get(record.id)
            await self._attachments.disconnect(record, network, live.link, force=body.force)
        self._publish(network, "disconnect", container=record.id)

    async def prune(self, filters: Mapping[str, Sequence[str]]) -> list[str]:
        """Remove the user's networks that no container refers to; returns their names."""
        check_prune_filters(filters)
        removed: list[str] = []
        for network in self._networks.networks():
            if (
                network.is_predefined
                or self._members(network)
                or not is_prunable(network.labels, network.created, filters)
            ):
                continue
            try:
                await self.remove(network.id)
            except BaleenError:
                continue  # somebody began to use it
            removed.append(network.name)
        return removed

    def _publish(self, network: model.Network, action: str, **more: str) -> None:
        attributes = {"name": network.name, "type": network.driver, **more}
        self._events.publish_with("network", action, network.id, attributes)
