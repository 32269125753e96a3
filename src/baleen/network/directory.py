"""The directory of networks: what exists, found by id or name, and how a new one is decided.

Pure decisions and lookups in memory; the manager stores the result and makes it real.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Final

import msgspec

from baleen import errors
from baleen.errors import AlreadyExists, InvalidArgument, NotFound, PermissionDenied
from baleen.network import bridge, ipam
from baleen.network.network import Network, NetworkSpec, PoolSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from baleen.network.config import NetworkConfig
    from baleen.network.network import Driver

__all__ = ["NetworkDirectory"]

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}")
_PREDEFINED: Final[tuple[tuple[str, Driver], ...]] = (("host", "host"), ("none", "null"))


class NetworkDirectory:
    """All networks, oldest first; for those with a bridge also parsed options and addresses."""

    def __init__(
        self, config: NetworkConfig, *, now: Callable[[], str], new_id: Callable[[], str]
    ) -> None:
        self._config = config
        self._now = now
        self._new_id = new_id
        self._networks: dict[str, Network] = {}
        self._options: dict[str, bridge.BridgeOptions] = {}
        self._pools: dict[str, ipam.AddressPool] = {}

    def all(self) -> list[Network]:
        """Every network, in the order in which they were added."""
        return list(self._networks.values())

    def get(self, network_id: str) -> Network | None:
        """The network with this full id."""
        return self._networks.get(network_id)

    def __getitem__(self, network_id: str) -> Network:
        return self._networks[network_id]

    def options(self, network_id: str) -> bridge.BridgeOptions:
        """Driver options of a bridge network."""
        return self._options[network_id]

    def parse_options(self, network: Network) -> bridge.BridgeOptions:
        """Driver options with the settings' defaults."""
        return bridge.parse_options(
            network.options, mtu=self._config.mtu, binding=self._config.default_binding
        )

    def pool(self, network_id: str) -> ipam.AddressPool | None:
        """Addresses of a bridge network; None for the other drivers."""
        return self._pools.get(network_id)

    def add(self, network: Network) -> None:
        """Take a decided network in, or replace it by a newer value of the same id."""
        self._networks[network.id] = network
        if network.driver == "bridge":
            self._options[network.id] = self.parse_options(network)
            self._pools[network.id] = ipam.AddressPool(network.pools[0])

    def forget(self, network_id: str) -> None:
        """Drop a network."""
        del self._networks[network_id]
        self._options.pop(network_id, None)
        self._pools.pop(network_id, None)

    def resolve(self, reference: str) -> Network:
        """Find by full id, then exact name, then unambiguous id prefix; "default" is the bridge.

        Raises:
            NotFound: `network x not found`.
            InvalidArgument: the prefix fits several.
        """
        if reference in self._networks:
            return self._networks[reference]
        name = "bridge" if reference == "default" else reference
        for network in self._networks.values():
            if network.name == name:
                return network
        matches = [item for item in self._networks.values() if item.id.startswith(reference)]
        if not reference or not matches:
            raise NotFound(f"network {reference} not found")
        if len(matches) > 1:
            raise InvalidArgument(
                f"network {reference} is ambiguous ({len(matches)} matches found on ID prefix)"
            )
        return matches[0]

    def decide(
        self,
        spec: NetworkSpec,
        *,
        host_networks: Sequence[IPv4Network],
        bridge_exists: Callable[[str], bool],
    ) -> Network:
        """Choose id, bridge and subnet for a new network; nothing is kept yet.

        `host_networks`: where the host has addresses and routes, which no chosen subnet may meet.

        Raises:
            As `NetworkManager.create` says.
        """
        _check(spec)
        if any(network.name == spec.name for network in self._networks.values()):
            raise AlreadyExists(f"network with name {spec.name} already exists")
        network_id = self._new_id()
        named = spec.options.get(bridge.OPTION_NAME, "")
        name = named or f"br-{network_id[:12]}"
        if any(network.bridge == name for network in self._networks.values()):
            raise PermissionDenied(f"network already exists with bridge name {name}")
        return Network(
            id=network_id,
            name=spec.name,
            driver="bridge",
            created=self._now(),
            internal=spec.internal,
            attachable=spec.attachable,
            ipam_options=spec.ipam_options,
            pools=(self._decide_pool(spec.pools, host_networks),),
            user_pools=any(pool.subnet for pool in spec.pools),
            options=spec.options,
            labels=spec.labels,
            bridge=name,
            owns_bridge=not (named and bridge_exists(named)),
        )

    def _decide_pool(
        self, wanted: Sequence[PoolSpec], host_networks: Sequence[IPv4Network]
    ) -> PoolSpec:
        used = [pool.subnet for pool in self._pools.values()]
        spec = wanted[0] if wanted else PoolSpec()
        if not spec.subnet:
            subnet = ipam.choose_subnet(self._config.address_pools, [*used, *host_networks])
            return ipam.parse_pool(msgspec.structs.replace(spec, subnet=str(subnet)))
        pool = ipam.parse_pool(spec)
        if any(IPv4Network(pool.subnet).overlaps(subnet) for subnet in used):
            raise PermissionDenied(
                "invalid pool request: Pool overlaps with other one on this address space"
            )
        return pool

    def decide_predefined(self, host_networks: Sequence[IPv4Network]) -> list[Network]:
        """The networks of every daemon that are missing here, or differ from the settings."""
        present = {network.name: network for network in self._networks.values()}
        wanted = [self._default_bridge(present.get("bridge"), host_networks)]
        wanted += [
            present.get(name)
            or Network(id=self._new_id(), name=name, driver=driver, created=self._now())
            for name, driver in _PREDEFINED
        ]
        return [network for network in wanted if present.get(network.name) != network]

    def _default_bridge(
        self, present: Network | None, host_networks: Sequence[IPv4Network]
    ) -> Network:
        config = self._config
        if config.bip:
            address, _, length = config.bip.partition("/")
            subnet = IPv4Network(f"{ipam.parse_address(address)}/{length}", strict=False)
            pool = ipam.parse_pool(PoolSpec(subnet=str(subnet), gateway=address))
        elif present is not None:
            pool = present.pools[0]
        else:
            pool = self._decide_pool((), host_networks)
        return Network(
            id=present.id if present else self._new_id(),
            name="bridge",
            driver="bridge",
            created=present.created if present else self._now(),
            pools=(pool,),
            options={
                bridge.OPTION_DEFAULT: "true",
                bridge.OPTION_ICC: str(config.icc).lower(),
                bridge.OPTION_MASQUERADE: str(config.ip_masquerade).lower(),
                bridge.OPTION_BINDING: config.default_binding,
                bridge.OPTION_NAME: config.bridge,
                bridge.OPTION_MTU: str(config.mtu),
            },
            bridge=config.bridge,
        )


def _check(spec: NetworkSpec) -> None:
    """Refuse what cannot be made, before anything is decided."""
    if spec.name in ("bridge", "host", "none", "default"):
        raise PermissionDenied(f"operation is not permitted on predefined {spec.name} network ")
    if not spec.name:
        raise InvalidArgument("invalid name: name is empty")
    if not _NAME.fullmatch(spec.name):
        raise InvalidArgument(
            f"invalid network name {spec.name!r}: only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
        )
    if spec.driver in ("host", "null"):
        raise PermissionDenied(f'only one instance of "{spec.driver}" network is allowed')
    if spec.driver != "bridge":
        raise NotFound(f'plugin "{spec.driver}" not found')
    if spec.ipam_driver not in ("", "default"):
        raise NotFound(f'plugin "{spec.ipam_driver}" not found')
    if spec.enable_ipv6 or not spec.enable_ipv4:
        raise errors.NotImplemented("networks with IPv6 are not supported yet")
    if len(spec.pools) > 1:
        raise InvalidArgument("bridge driver does not support more than one IPv4 subnet")
    bridge.parse_options(spec.options, mtu=1500, binding="127.0.0.1")
