"""How the container reaches others, who reaches it, and by which rules of the firewall."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from baleen.api.explanation import (
    ExplainedInterface,
    ExplainedNetwork,
    ExplainedPort,
    ExplainedRoute,
    ExplainedRule,
    ExplainedSysctl,
)
from baleen.engine.explaining import why_network as why

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baleen.engine.explaining.live_network import LiveNetwork
    from baleen.engine.explaining.subject import Subject
    from baleen.network.firewall import BridgeRules
    from baleen.network.network import Endpoint, Network, PortRequest, PublishedPort

__all__ = ["Attachment", "explain_network", "explain_sysctls"]

_ANY: Final = "0.0.0.0"  # noqa: S104  # compared with, not bound
_MAX_SHOWN: Final = 256


@dataclass(frozen=True, slots=True)
class Attachment:
    """One network of the container.

    Attributes:
        rules: how the firewall treats its bridge; None for the drivers host and null.
        endpoint: the container's place on it; None while it does not run.
        wanted_address: the address that was asked for, "" for any.
        gw_priority: decides which of several gives the default route.
    """

    network: Network
    rules: BridgeRules | None
    endpoint: Endpoint | None = None
    wanted_address: str = ""
    gw_priority: int = 0


def explain_network(
    subject: Subject,
    attachments: Sequence[Attachment],
    live: LiveNetwork | None,
    *,
    ports: Sequence[PublishedPort] | Sequence[PortRequest],
    table: str,
) -> ExplainedNetwork:
    """Return interfaces, routes, published ports and rules.

    Args:
        subject: the container.
        attachments: its networks; the first with a way out has the default route.
        live: what its network namespace holds; None in a plan.
        ports: bound ones of a running container, else what was asked for.
        table: the engine's nftables table.
    """
    mode = subject.record.host_config.network_mode
    bridged = [item for item in attachments if item.rules is not None]
    shown_ports = [_port(item) for item in ports] if bridged else []
    return ExplainedNetwork(
        mode=mode,
        why=_mode_text(mode),
        interfaces=_interfaces(bridged, live, is_host=mode == "host"),
        routes=_routes(bridged, live),
        ports=shown_ports,
        rules=_rules(bridged, shown_ports, table),
        dns=_dns(mode, attachments),
    )


def explain_sysctls(subject: Subject) -> list[ExplainedSysctl]:
    """Return the kernel settings that are written into the container's namespaces."""
    asked = subject.record.host_config.sysctls
    return [
        ExplainedSysctl(
            name=name,
            value=str(value),
            why=why.SYSCTL_ASKED if name in asked else why.SYSCTLS.get(name, ""),
        )
        for name, value in (subject.linux.get("sysctl") or {}).items()
    ]


def _mode_text(mode: str) -> str:
    if mode.startswith("container:"):
        return why.JOINED
    return {"host": why.HOST, "none": why.NONE}.get(mode, why.BRIDGE)


# --- interfaces ----------------------------------------------------------------------------------


def _interfaces(
    bridged: Sequence[Attachment], live: LiveNetwork | None, *, is_host: bool
) -> list[ExplainedInterface]:
    if live is None:
        return _planned_interfaces(bridged)
    addresses: dict[int, list[str]] = {}
    for address in live.addresses:
        shown = f"{address.address}/{address.prefix_len}"
        addresses.setdefault(address.ifindex, []).append(shown)
    result = []
    for link in live.links[:_MAX_SHOWN]:
        own = next(
            (
                item
                for item in bridged
                if item.endpoint is not None and link.mac and item.endpoint.mac == link.mac
            ),
            None,
        )
        result.append(
            ExplainedInterface(
                name=link.name,
                mac=link.mac,
                mtu=link.mtu,
                up=link.up,
                addresses=[
                    *addresses.get(link.ifindex, ()),
                    *live.addresses6.get(link.name, ()),
                ],
                network=own.network.name if own else "",
                bridge=own.network.bridge if own else "",
                host_name=own.endpoint.host_name if own and own.endpoint else "",
                why="" if is_host else _interface_text(link.name, own),
            )
        )
    return result


def _interface_text(name: str, own: Attachment | None) -> str:
    if own is not None:
        return why.VETH
    return why.LOOPBACK if name == "lo" else ""


def _planned_interfaces(bridged: Sequence[Attachment]) -> list[ExplainedInterface]:
    loopback = ExplainedInterface(
        name="lo", up=True, addresses=["127.0.0.1/8", "::1/128"], why=why.LOOPBACK
    )
    result = [loopback] if bridged else []
    for index, item in enumerate(bridged):
        subnet = item.network.pools[0].subnet
        address = item.wanted_address or f"the next free one of {subnet}"
        result.append(
            ExplainedInterface(
                name=f"eth{index}",
                up=True,
                addresses=[address],
                network=item.network.name,
                bridge=item.network.bridge,
                why=why.VETH,
            )
        )
    return result


def _routes(bridged: Sequence[Attachment], live: LiveNetwork | None) -> list[ExplainedRoute]:
    if live is not None:
        names = {link.ifindex: link.name for link in live.links}
        return [
            ExplainedRoute(to=route.to, via=route.via, interface=names.get(route.ifindex, ""))
            for route in live.routes[:_MAX_SHOWN]
        ]
    result: list[ExplainedRoute] = []
    for index, item in enumerate(bridged):
        pool = item.network.pools[0]
        if not result and pool.gateway and not item.network.internal:
            result.append(ExplainedRoute(to="0.0.0.0/0", via=pool.gateway, interface=f"eth{index}"))
    result += [
        ExplainedRoute(to=item.network.pools[0].subnet, interface=f"eth{index}")
        for index, item in enumerate(bridged)
    ]
    return result


# --- ports and rules -----------------------------------------------------------------------------


def _port(item: PublishedPort | PortRequest) -> ExplainedPort:
    first = getattr(item, "host_port_first", None)
    return ExplainedPort(
        protocol=item.protocol,
        host_ip=item.host_ip or _ANY,
        host_port=getattr(item, "host_port", 0) if first is None else first,
        container_port=item.container_port,
    )


def _rules(
    bridged: Sequence[Attachment], ports: Sequence[ExplainedPort], table: str
) -> list[ExplainedRule]:
    result = []
    for item in bridged:
        rules = item.rules
        assert rules is not None
        address = item.endpoint.ipv4 if item.endpoint else "ADDRESS"
        if item.endpoint is None or item.endpoint.gateway:
            result += [_published(port, address, table) for port in ports]
            ports = ()  # they lead to the endpoint with the default route alone
        if rules.internal:
            result.append(
                _rule(
                    table,
                    "forward",
                    f"iifname @internal ({rules.bridge}) drop, oifname @internal drop",
                    why.INTERNAL,
                )
            )
        else:
            result.append(
                _rule(
                    table,
                    "forward",
                    f"oifname @bridges ({rules.bridge}) ct status dnat accept, then drop",
                    why.NOT_PUBLISHED,
                )
            )
            if rules.masquerade:
                text = f"oifname != @bridges ip saddr @masqueraded ({rules.subnet}) masquerade"
                result.append(_rule(table, "postrouting", text, why.MASQUERADE))
        if rules.icc:
            text = f"iifname . oifname @icc ({rules.bridge} . {rules.bridge}) accept"
            result.append(_rule(table, "forward", text, why.ICC))
        else:
            text = f"iifname . oifname not in @icc, oifname @bridges ({rules.bridge}) drop"
            result.append(_rule(table, "forward", text, why.NO_ICC))
    return result


def _published(port: ExplainedPort, address: str, table: str) -> ExplainedRule:
    key = f"{port.protocol} . {port.host_port or 'PORT'}"
    name = "published_everywhere"
    if port.host_ip != _ANY:
        key, name = f"{port.host_ip} . {key}", "published"
    rule = f"map ip {table} {name} {{ {key} : {address} . {port.container_port} }}"
    return ExplainedRule(rule=rule, why=why.PUBLISHED)


def _rule(table: str, chain: str, text: str, reason: str) -> ExplainedRule:
    return ExplainedRule(rule=f"chain ip {table} {chain}: {text}", why=reason)


def _dns(mode: str, attachments: Sequence[Attachment]) -> str:
    if mode in ("host", "none") or mode.startswith("container:"):
        return {"host": why.DNS_HOST, "none": why.DNS_NONE}.get(mode, why.DNS_JOINED)
    named = [item.network.name for item in attachments if item.network.has_names]
    if named:
        return why.DNS_EMBEDDED.format(networks=", ".join(named))
    return why.DNS_DIRECT
