"""What the modes of --network mean, and why the firewall has the rules that it has.

See: network_namespaces(7), veth(4), nft(8); `baleen.network.firewall` for the whole table.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "BRIDGE",
    "DNS_DIRECT",
    "DNS_EMBEDDED",
    "DNS_HOST",
    "DNS_JOINED",
    "DNS_NONE",
    "HOST",
    "ICC",
    "INTERNAL",
    "JOINED",
    "LOOPBACK",
    "MASQUERADE",
    "NONE",
    "NOT_PUBLISHED",
    "NO_ICC",
    "PUBLISHED",
    "SYSCTLS",
    "SYSCTL_ASKED",
    "VETH",
]

BRIDGE: Final = (
    "A network namespace of its own, joined to a bridge of the host by a pair of virtual "
    "interfaces (veth): what goes in at one end comes out at the other."
)
HOST: Final = (
    "No isolation of the network: interfaces, addresses, ports and firewall are the host's. "
    "Published ports are ignored."
)
NONE: Final = "A network namespace with the loopback interface alone: nothing gets in or out."
JOINED: Final = (
    "The network namespace of another container: same interfaces, addresses and ports, and "
    "127.0.0.1 is the same for both. Ports are published by that container."
)

LOOPBACK: Final = "Loopback of this namespace; the host's 127.0.0.1 is another."
VETH: Final = "One end of a veth pair; the other is a port of the bridge on the host."

PUBLISHED: Final = "A connection to this port of the host is led to the container (-p)."
MASQUERADE: Final = (
    "To the world outside, the container has the host's address: its own means nothing there."
)
NOT_PUBLISHED: Final = (
    "From outside the bridge only published ports get in; who knows the address and has a route "
    "gets no further."
)
ICC: Final = "Containers on the same bridge reach all ports of each other."
NO_ICC: Final = "Containers on the same bridge do not reach each other (enable_icc=false)."
INTERNAL: Final = "An internal network: nothing leaves it, nothing comes in."

DNS_EMBEDDED: Final = (
    "127.0.0.11 inside is answered by the container's supervisor: it knows the containers of "
    "{networks} by name and asks the servers of the host, or of --dns, for all else."
)
DNS_DIRECT: Final = (
    "The servers in /etc/resolv.conf, which are the host's or those of --dns. The default bridge "
    "knows no names of containers."
)
DNS_HOST: Final = "As on the host."
DNS_NONE: Final = "None can be reached."
DNS_JOINED: Final = "That of the container whose network it is."

# What the engine sets in each network namespace of a container.
SYSCTLS: Final[dict[str, str]] = {
    "net.ipv4.ip_unprivileged_port_start": "Every port may be bound without CAP_NET_BIND_SERVICE: "
    "in a namespace of its own a low port is nobody's privilege.",
    "net.ipv4.ping_group_range": "Everybody may ping, without raw sockets (CAP_NET_RAW).",
}
SYSCTL_ASKED: Final = "Asked for (--sysctl)."
