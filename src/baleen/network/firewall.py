"""The firewall: one nftables table of ours, in which all that changes is an element of a set.

What it does, per hook (family ip; other tables are never touched):

    raw prerouting  packets from outside that claim to be of or for 127.0.0.0/8 are dropped: our
                    bridges have route_localnet on, so the kernel itself no longer does that (N05)
    prerouting nat  a packet for one of this host's addresses and a published port goes to the
    output nat      container; also from the host itself, 127.0.0.1 included
    forward         established: yes. Within a bridge: if icc. To or from internal networks: no.
                    To a container: only what was published (so neither other networks nor a
                    neighbour with a route get in). From a container to the world: yes.
                    What is not ours is left alone - or dropped, if it was us who turned the host
                    into a router (N11)
    postrouting     container to the world: masqueraded. A connection to a published port that
                    comes from 127.0.0.1 or from another container gets the bridge's address as
                    its source, so that the answer finds back (N10: never 127.0.0.1)

`Firewall` keeps the wanted elements in memory. When the table has vanished (someone flushed the
whole ruleset), the next change puts everything back.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

from baleen.linux.nft_expressions import (
    ACCEPT,
    CT_STATE_ESTABLISHED_OR_RELATED,
    CT_STATUS_DNAT,
    DROP,
    IIFNAME,
    L4PROTO,
    OIFNAME,
    bitwise,
    ct_state,
    ct_status,
    daddr,
    daddr_is_local,
    dnat,
    dport,
    equals,
    lookup,
    masquerade,
    meta,
    not_equals,
    saddr,
)
from baleen.linux.nftables import (
    IFNAME,
    INET_PROTO,
    INET_SERVICE,
    IPV4_ADDR,
    MAX_ELEMENTS,
    NF_INET_FORWARD,
    NF_INET_LOCAL_OUT,
    NF_INET_POST_ROUTING,
    NF_INET_PRE_ROUTING,
    Hook,
    NftSocket,
    Table,
    ifname,
    ipv4,
    port,
    protocol,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from baleen.linux.netlink import Message
    from baleen.network.network import PublishedPort

__all__ = ["BridgeRules", "Firewall"]

_ANY = "0.0.0.0"  # noqa: S104  # compared with, not bound
_LOOPBACK_NET = ipv4("127.0.0.0")
_LOOPBACK_MASK = ipv4("255.0.0.0")

_Key = tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeRules:
    """How the firewall treats one bridge.

    Attributes:
        icc: containers on it may talk to each other.
        internal: nothing goes out of it or comes into it.
        masquerade: its containers appear to the world under the host's address.
    """

    bridge: str
    subnet: str
    icc: bool
    internal: bool
    masquerade: bool


class Firewall:
    """The table `name` of the current network namespace. Every method is one atomic change.

    Methods raise OSError when the kernel refuses, and then nothing has changed.
    """

    def __init__(self, name: str, *, drop_foreign: bool) -> None:
        """`drop_foreign`: forwarding that does not concern our bridges is dropped."""
        self._table = Table(name)
        self._drop_foreign = drop_foreign
        self._bridges: Mapping[str, BridgeRules] = {}
        self._published: Mapping[_Key, _Key] = {}
        self._socket = NftSocket()

    def close(self) -> None:
        """Close the socket; the table stays."""
        self._socket.close()

    def rebuild(
        self,
        bridges: Iterable[BridgeRules],
        published: Iterable[tuple[str, Iterable[PublishedPort]]] = (),
    ) -> None:
        """Replace the table, in one step, by one with these bridges and published ports."""
        self._bridges = {rules.bridge: rules for rules in bridges}
        self._published = {}
        for address, ports in published:
            self._published |= _published_pairs(address, ports)
        self._socket.commit(*self._everything())

    def delete(self) -> None:
        """Remove the table; success means that it is gone."""
        self._socket.commit(self._table.add(), self._table.delete())

    def set_bridge(self, rules: BridgeRules) -> None:
        """Take a bridge under these rules; replaces earlier ones of the same name."""
        before = self._bridges.get(rules.bridge)
        if before == rules:
            return
        removed = self._bridge_elements(before, add=False) if before else []
        self._change(
            [*removed, *self._bridge_elements(rules, add=True)],
            bridges={**self._bridges, rules.bridge: rules},
        )

    def remove_bridge(self, bridge: str) -> None:
        """Forget a bridge; idempotent."""
        rules = self._bridges.get(bridge)
        if rules is not None:
            self._change(
                self._bridge_elements(rules, add=False),
                bridges={name: item for name, item in self._bridges.items() if name != bridge},
            )

    def publish(self, address: str, ports: Iterable[PublishedPort]) -> None:
        """Let host ports lead to `address`."""
        if wanted := _published_pairs(address, ports):
            self._change(self._published_elements(wanted), published={**self._published, **wanted})

    def unpublish(self, address: str, ports: Iterable[PublishedPort]) -> None:
        """Close the way from host ports to `address`; what leads elsewhere stays. Idempotent."""
        target = ipv4(address)
        gone = {
            key
            for key in map(_published_key, ports)
            if key in self._published and self._published[key][0] == target
        }
        if gone:
            self._change(
                [self._table.delete_keys(_map_of(key), [key]) for key in gone],
                published={key: to for key, to in self._published.items() if key not in gone},
            )

    def _change(
        self,
        messages: Iterable[Message],
        *,
        bridges: Mapping[str, BridgeRules] | None = None,
        published: Mapping[_Key, _Key] | None = None,
    ) -> None:
        """Commit `messages`, which lead to the new state; keep the old state if that fails."""
        before = self._bridges, self._published
        if bridges is not None:
            self._bridges = bridges
        if published is not None:
            self._published = published
        try:
            self._commit(*messages)
        except OSError:
            self._bridges, self._published = before
            raise

    def _commit(self, *messages: Message) -> None:
        try:
            self._socket.commit(*messages)
        except FileNotFoundError:
            # The table, or an element of it, was removed by somebody else: lay it all again.
            self._socket.commit(*self._everything())

    def _everything(self) -> Iterator[Message]:
        table = self._table
        yield table.add()
        yield table.delete()
        yield table.add()
        yield from self._sets()
        yield from self._guard()
        yield from self._destination_nat("prerouting", NF_INET_PRE_ROUTING)
        yield from self._destination_nat("output", NF_INET_LOCAL_OUT)
        yield from self._forward()
        yield from self._postrouting()
        for rules in self._bridges.values():
            yield from self._bridge_elements(rules, add=True)
        yield from self._published_elements(self._published)

    def _sets(self) -> Iterator[Message]:
        table = self._table
        to = (IPV4_ADDR, INET_SERVICE)
        yield table.add_set("bridges", (IFNAME,))
        yield table.add_set("internal", (IFNAME,))
        yield table.add_set("icc", (IFNAME, IFNAME))
        yield table.add_set("subnets", (IPV4_ADDR,), interval=True)
        yield table.add_set("masqueraded", (IPV4_ADDR,), interval=True)
        yield table.add_map("published", (IPV4_ADDR, INET_PROTO, INET_SERVICE), to)
        yield table.add_map("published_everywhere", (INET_PROTO, INET_SERVICE), to)

    def _guard(self) -> Iterator[Message]:
        chain = "guard"
        yield self._table.add_chain(chain, hook=Hook("filter", NF_INET_PRE_ROUTING, -300))
        for field, what in ((daddr, "to"), (saddr, "from")):
            yield self._table.add_rule(
                chain,
                meta(IIFNAME, 0),
                not_equals(0, ifname("lo")),
                field(0),
                bitwise(0, _LOOPBACK_MASK),
                equals(0, _LOOPBACK_NET),
                DROP,
                comment=f"nothing {what} loopback over a wire",
            )

    def _destination_nat(self, chain: str, hook: int) -> Iterator[Message]:
        yield self._table.add_chain(chain, hook=Hook("nat", hook, -100))
        yield self._table.add_rule(
            chain,
            daddr_is_local(0),
            daddr(0),
            meta(L4PROTO, 1),
            dport(2),
            lookup("published", 0, 0),
            dnat(0, 1),
            comment="ports published on one address",
        )
        yield self._table.add_rule(
            chain,
            daddr_is_local(0),
            meta(L4PROTO, 0),
            dport(1),
            lookup("published_everywhere", 0, 0),
            dnat(0, 1),
            comment="ports published on every address",
        )

    def _forward(self) -> Iterator[Message]:
        chain = "forward"
        into = (meta(OIFNAME, 0), lookup("bridges", 0))
        out_of = (meta(IIFNAME, 0), lookup("bridges", 0))
        yield self._table.add_chain(
            chain, hook=Hook("filter", NF_INET_FORWARD, 0, drop=self._drop_foreign)
        )
        for comment, expressions in (
            ("going on", (ct_state(CT_STATE_ESTABLISHED_OR_RELATED), ACCEPT)),
            ("within a bridge", (meta(IIFNAME, 0), meta(OIFNAME, 4), lookup("icc", 0), ACCEPT)),
            ("internal", (meta(IIFNAME, 0), lookup("internal", 0), DROP)),
            ("internal", (meta(OIFNAME, 0), lookup("internal", 0), DROP)),
            ("published", (*into, ct_status(CT_STATUS_DNAT), ACCEPT)),
            ("not published", (*into, DROP)),
            ("to the world", (*out_of, ACCEPT)),
        ):
            yield self._table.add_rule(chain, *expressions, comment=comment)

    def _postrouting(self) -> Iterator[Message]:
        chain = "postrouting"
        into = (meta(OIFNAME, 0), lookup("bridges", 0))
        yield self._table.add_chain(chain, hook=Hook("nat", NF_INET_POST_ROUTING, 100))
        for comment, expressions in (
            (
                "host's 127.0.0.1 to a published port",
                (*into, saddr(0), bitwise(0, _LOOPBACK_MASK), equals(0, _LOOPBACK_NET)),
            ),
            (
                "container to a published port",
                (*into, ct_status(CT_STATUS_DNAT), saddr(0), lookup("subnets", 0)),
            ),
            (
                "container to the world",
                (
                    meta(OIFNAME, 0),
                    lookup("bridges", 0, invert=True),
                    saddr(0),
                    lookup("masqueraded", 0),
                ),
            ),
        ):
            yield self._table.add_rule(chain, *expressions, masquerade(), comment=comment)

    def _bridge_elements(self, rules: BridgeRules, *, add: bool) -> list[Message]:
        table = self._table
        name = ifname(rules.bridge)
        subnet = IPv4Network(rules.subnet)
        after = int(subnet.broadcast_address) + 1
        bounds = (str(subnet.network_address), str(IPv4Address(after)) if after >> 32 == 0 else "")
        change_keys = table.add_keys if add else table.delete_keys
        change_subnet = table.add_subnet if add else table.delete_subnet
        messages = [change_keys("bridges", [(name,)]), change_subnet("subnets", *bounds)]
        if rules.internal:
            messages.append(change_keys("internal", [(name,)]))
        if rules.icc:
            messages.append(change_keys("icc", [(name, name)]))
        if rules.masquerade and not rules.internal:
            messages.append(change_subnet("masqueraded", *bounds))
        return messages

    def _published_elements(self, published: Mapping[_Key, _Key]) -> Iterator[Message]:
        for name in ("published", "published_everywhere"):
            pairs = [(key, to) for key, to in published.items() if _map_of(key) == name]
            for start in range(0, len(pairs), MAX_ELEMENTS):
                yield self._table.add_elements(name, pairs[start : start + MAX_ELEMENTS])


def _published_pairs(address: str, ports: Iterable[PublishedPort]) -> dict[_Key, _Key]:
    return {_published_key(item): (ipv4(address), port(item.container_port)) for item in ports}


def _published_key(item: PublishedPort) -> _Key:
    key = (protocol(item.protocol), port(item.host_port))
    return key if item.host_ip == _ANY else (ipv4(item.host_ip), *key)


def _map_of(key: _Key) -> str:
    return "published" if len(key) == 3 else "published_everywhere"
