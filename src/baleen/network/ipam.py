"""Addresses: which subnet a network gets, and which address an endpoint gets. No I/O.

Terms, as in the Engine API: a *pool* is a network's subnet; an *IP range* is the part of it from
which addresses are chosen by us (a static one may be anywhere in the subnet); the *gateway* and
the *auxiliary addresses* are never given out.

Addresses rotate: the next one given out follows the last, so that one just released rests until
all others were used. A peer's stale ARP entry or connection then does not hit a newcomer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

from baleen.errors import InvalidArgument, PermissionDenied, ResourceExhausted
from baleen.network.network import PoolSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "DEFAULT_ADDRESS_POOLS",
    "AddressPool",
    "choose_subnet",
    "mac_of",
    "parse_address",
    "parse_mac",
    "parse_pool",
    "parse_subnet",
]

# (block, prefix length of the subnets cut from it), in the order in which they are tried; Docker's.
DEFAULT_ADDRESS_POOLS: tuple[tuple[str, int], ...] = (
    ("172.17.0.0/16", 16),
    ("172.18.0.0/16", 16),
    ("172.19.0.0/16", 16),
    ("172.20.0.0/14", 16),
    ("172.24.0.0/14", 16),
    ("172.28.0.0/14", 16),
    ("192.168.0.0/16", 20),
)

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_ADDRESS = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
_CIDR = re.compile(rf"({_OCTET}(?:\.{_OCTET}){{3}})/(3[0-2]|[12]?[0-9])")
_MAC = re.compile(r"[0-9a-fA-F]{2}(?:([:-])[0-9a-fA-F]{2})(?:\1[0-9a-fA-F]{2}){4}")


def parse_address(text: str) -> IPv4Address:
    """Parse a dotted quad without leading zeros (Y01: `010.0.0.1` is 8.0.0.1 to some).

    Raises:
        InvalidArgument: it is anything else.
    """
    if not _ADDRESS.fullmatch(text):
        raise InvalidArgument(f"invalid address {text}: not an IPv4 address")
    return IPv4Address(text)


def parse_subnet(text: str, what: str = "subnet") -> IPv4Network:
    """Parse `10.1.0.0/16`; no bits may be set behind the prefix.

    Raises:
        InvalidArgument: with the Engine API's words.
    """
    match = _CIDR.fullmatch(text)
    if match is None:
        raise InvalidArgument(f"invalid {what} {text}: invalid CIDR block notation")
    network = IPv4Network(text, strict=False)
    if str(network.network_address) != match[1]:
        raise InvalidArgument(f"invalid {what} {text}: it should be {network}")
    return network


def parse_mac(text: str) -> str:
    """Return a unicast MAC address in canonical form, `02:42:ac:11:00:02`.

    Raises:
        InvalidArgument: malformed, or a group address, which no interface can have.
    """
    if not _MAC.fullmatch(text):
        raise InvalidArgument(f"invalid MAC address: {text}")
    canonical = text.lower().replace("-", ":")
    if int(canonical[:2], 16) & 1 or canonical == "00:00:00:00:00:00":
        raise InvalidArgument(f"invalid MAC address: {text} is not a unicast address")
    return canonical


def mac_of(address: str) -> str:
    """Return the MAC that goes with an address: a reused address comes with the MAC it had."""
    return "02:42:" + IPv4Address(address).packed.hex(":")


def parse_pool(spec: PoolSpec) -> PoolSpec:
    """Check one IPAM configuration that names a subnet, and fill in the gateway.

    Raises:
        InvalidArgument: a part is malformed or lies outside of the subnet.
    """
    subnet = parse_subnet(spec.subnet)
    if spec.ip_range:
        inner = parse_subnet(spec.ip_range, "ip-range")
        if not inner.subnet_of(subnet):
            raise InvalidArgument(
                f"invalid ip-range {spec.ip_range}: parent subnet {subnet} doesn't contain ip-range"
            )
    auxiliary = {
        name: str(_member("auxiliary address", address, subnet))
        for name, address in spec.auxiliary_addresses.items()
    }
    if spec.gateway:
        gateway = str(_member("gateway", spec.gateway, subnet))
    else:
        gateway = _first_free(subnet, spec.ip_range, set(auxiliary.values()))
    return PoolSpec(
        subnet=str(subnet),
        ip_range=spec.ip_range,
        gateway=gateway,
        auxiliary_addresses=auxiliary,
    )


def _member(what: str, text: str, subnet: IPv4Network) -> IPv4Address:
    if not _ADDRESS.fullmatch(text):
        raise InvalidArgument(f"invalid {what} {text}: invalid address")
    address = IPv4Address(text)
    if address not in subnet:
        raise InvalidArgument(
            f"invalid {what} {text}: parent subnet {subnet} doesn't contain this address"
        )
    return address


def _first_free(subnet: IPv4Network, ip_range: str, taken: set[str]) -> str:
    """The gateway nobody named: first address of the range, or of the subnet, as Docker chooses."""
    low, high = _bounds(subnet)
    if ip_range:
        inner = IPv4Network(ip_range)
        low = max(low, int(inner.network_address))
        high = min(high, int(inner.broadcast_address))
    for value in range(low, high + 1):
        text = str(IPv4Address(value))
        if text not in taken:
            return text
    raise InvalidArgument(f"invalid subnet {subnet}: no address is left for the gateway")


def _bounds(subnet: IPv4Network) -> tuple[int, int]:
    """First and last address that a host may have: not the network's own, not the broadcast."""
    first, last = int(subnet.network_address), int(subnet.broadcast_address)
    return (first, last) if subnet.prefixlen >= 31 else (first + 1, last - 1)


def choose_subnet(pools: Iterable[tuple[str, int]], used: Iterable[IPv4Network]) -> IPv4Network:
    """Return the first subnet of `pools` that overlaps nothing in `used`.

    Raises:
        ResourceExhausted: there is none.
    """
    taken = sorted(
        (int(network.network_address), int(network.broadcast_address)) for network in used
    )
    for candidate in _subnets(pools):
        first, last = int(candidate.network_address), int(candidate.broadcast_address)
        if not any(start <= last and first <= end for start, end in taken):
            return candidate
    raise ResourceExhausted(
        "all predefined address pools have been fully subnetted",
        hint="remove unused networks or name a subnet",
    )


def _subnets(pools: Iterable[tuple[str, int]]) -> Iterator[IPv4Network]:
    for block, prefix_len in pools:
        yield from IPv4Network(block).subnets(new_prefix=prefix_len)


@dataclass(slots=True)
class AddressPool:
    """The addresses of one network: given out one by one, never one twice.

    `spec` is resolved (`parse_pool`). Lives in memory; `take` rebuilds it after a restart.
    """

    spec: PoolSpec
    subnet: IPv4Network = field(init=False)
    _low: int = field(init=False)
    _high: int = field(init=False)
    _last: int = field(init=False)
    _used: set[int] = field(init=False, default_factory=set)
    _reserved: set[int] = field(init=False)

    def __post_init__(self) -> None:
        self.subnet = IPv4Network(self.spec.subnet)
        self._low, self._high = _bounds(self.subnet)
        if self.spec.ip_range:
            inner = IPv4Network(self.spec.ip_range)
            self._low = max(self._low, int(inner.network_address))
            self._high = min(self._high, int(inner.broadcast_address))
        self._last = self._low - 1
        self._reserved = {
            int(IPv4Address(address))
            for address in (self.spec.gateway, *self.spec.auxiliary_addresses.values())
            if address
        }

    def allocate(self) -> str:
        """Give out the next free address of the range.

        Raises:
            ResourceExhausted: every one is in use.
        """
        size = self._high - self._low + 1
        for step in range(1, size + 1):
            value = self._low + (self._last - self._low + step) % size
            if value not in self._used and value not in self._reserved:
                self._used.add(value)
                self._last = value
                return str(IPv4Address(value))
        raise ResourceExhausted(
            "no available IPv4 addresses on this network's address pools: "
            f"{self.spec.ip_range or self.spec.subnet}"
        )

    def take(self, address: str) -> str:
        """Give out this very address of the subnet.

        Raises:
            PermissionDenied: `Address already in use` (Docker answers 403).
            InvalidArgument: malformed, outside of the subnet, or no host's address.
        """
        parsed = parse_address(address)
        value = int(parsed)
        low, high = _bounds(self.subnet)
        if parsed not in self.subnet:
            raise InvalidArgument(
                f"invalid endpoint settings:\nno configured subnet contains IP address {address}"
            )
        if not low <= value <= high:
            raise InvalidArgument(f"invalid address {address}: reserved in subnet {self.subnet}")
        if value in self._used or value in self._reserved:
            raise PermissionDenied("Address already in use")
        self._used.add(value)
        return address

    def release(self, address: str) -> None:
        """Take an address back; idempotent."""
        self._used.discard(int(IPv4Address(address)))

    @property
    def in_use(self) -> int:
        """Addresses that are not available: given out or reserved, with network and broadcast."""
        return len(self._used) + len(self._reserved) + (0 if self.subnet.prefixlen >= 31 else 2)

    @property
    def available(self) -> int:
        """Addresses of the range that `allocate` can still give out."""
        unavailable = sum(self._low <= value <= self._high for value in self._used | self._reserved)
        return self._high - self._low + 1 - unavailable
