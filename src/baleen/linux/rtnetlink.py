"""rtnetlink: links, addresses, routes and neighbours.

Functions build `Message`s, a `RouteSocket` runs many of them in one system call:

    with RouteSocket() as route:
        route.run(
            new_bridge("br0", mac="02:42:00:00:00:01"),
            set_link("br0", up=True),
        )

A link is named by its index or, where the kernel allows it, by its name: so a batch can go on
with a link that it has just made. Addresses are IPv4 (family `ip`).

See: rtnetlink(7), linux/rtnetlink.h, linux/if_link.h, linux/neighbour.h
"""

from __future__ import annotations

import socket
import struct

from baleen.linux.netlink import (
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    Message,
    NetlinkSocket,
    attribute,
    nested,
    parse_attributes,
    string,
    u8,
    u32,
)
from baleen.linux.record import record

__all__ = [
    "Address",
    "Link",
    "Route",
    "RouteSocket",
    "del_address",
    "del_link",
    "del_neighbour",
    "new_address",
    "new_bridge",
    "new_forwarding_entry",
    "new_neighbour",
    "new_route",
    "new_veth",
    "set_bridge_port",
    "set_link",
]

NETLINK_ROUTE = 0

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH = 28, 29, 30

AF_BRIDGE = 7
AF_INET = int(socket.AF_INET)
AF_INET6 = int(socket.AF_INET6)

IFF_UP = 0x1

IFLA_ADDRESS = 1
IFLA_IFNAME = 3
IFLA_MTU = 4
IFLA_MASTER = 10
IFLA_LINKINFO = 18
IFLA_AF_SPEC = 26
IFLA_NET_NS_FD = 28
IFLA_INFO_KIND = 1
IFLA_INFO_DATA = 2
IFLA_INFO_SLAVE_KIND = 4
IFLA_INFO_SLAVE_DATA = 5
VETH_INFO_PEER = 1
IFLA_BR_FORWARD_DELAY = 1
IFLA_BR_STP_STATE = 5
IFLA_BRPORT_MODE = 4  # hairpin
IFLA_BRPORT_LEARNING = 8
IFLA_BRPORT_ISOLATED = 33
IFLA_INET6_ADDR_GEN_MODE = 8
IN6_ADDR_GEN_MODE_NONE = 1

IFA_ADDRESS = 1
IFA_LOCAL = 2
IFA_BROADCAST = 4

RTA_DST = 1
RTA_OIF = 4
RTA_GATEWAY = 5
RT_TABLE_MAIN = 254
RTPROT_BOOT = 3
RT_SCOPE_UNIVERSE = 0
RT_SCOPE_LINK = 253
RTN_UNICAST = 1
RTNH_F_ONLINK = 4

NDA_DST = 1
NDA_LLADDR = 2
NUD_NOARP = 0x40
NUD_PERMANENT = 0x80
NTF_MASTER = 0x04

_IFINFOMSG = struct.Struct("=BxHiII")  # family, type, index, flags, change
_IFADDRMSG = struct.Struct("=BBBBI")  # family, prefix length, flags, scope, index
_RTMSG = struct.Struct("=BBBBBBBBI")  # family, dst len, src len, tos, table, proto, scope, type, fl
_NDMSG = struct.Struct("=BxxxiHBB")  # family, index, state, flags, type


@record(frozen=True, slots=True)
class Link:
    """A network interface. `kind` is "bridge", "veth", ... or "" for real hardware and lo."""

    ifindex: int
    name: str
    mac: str
    mtu: int
    up: bool
    master: int
    kind: str


@record(frozen=True, slots=True)
class Address:
    """An IPv4 address on a link."""

    ifindex: int
    address: str
    prefix_len: int


@record(frozen=True, slots=True)
class Route:
    """An IPv4 route of the main table. `to` is "0.0.0.0/0" for the default; `via` may be ""."""

    to: str
    via: str
    ifindex: int


class RouteSocket(NetlinkSocket):
    """A NETLINK_ROUTE socket: runs messages and reads the tables of its network namespace."""

    def __init__(self) -> None:
        super().__init__(NETLINK_ROUTE)

    def link(self, name: str) -> Link | None:
        """Return the link of that name, or None.

        A change of its carrier that the kernel has noted but not yet acted on takes effect first
        (Linux 6.2): what this link should send now is sent, not dropped.
        """
        message = Message(
            RTM_GETLINK, 0, _IFINFOMSG.pack(0, 0, 0, 0, 0) + string(IFLA_IFNAME, name), name
        )
        try:
            answers = self.get(message)
        except OSError as err:
            if err.errno == _ENODEV:
                return None
            raise
        return _parse_link(answers[0][1])

    def links(self) -> list[Link]:
        """Return every link of the namespace."""
        message = Message(RTM_GETLINK, NLM_F_DUMP, _IFINFOMSG.pack(0, 0, 0, 0, 0), "list links")
        return [_parse_link(body) for _, body in self._dump(message)]

    def addresses(self) -> list[Address]:
        """Return every IPv4 address of the namespace."""
        message = Message(
            RTM_GETADDR, NLM_F_DUMP, _IFADDRMSG.pack(AF_INET, 0, 0, 0, 0), "list addresses"
        )
        return [_parse_address(body) for _, body in self._dump(message)]

    def routes(self) -> list[Route]:
        """Return the IPv4 routes of the main table."""
        message = Message(
            RTM_GETROUTE, NLM_F_DUMP, _RTMSG.pack(AF_INET, 0, 0, 0, 0, 0, 0, 0, 0), "list routes"
        )
        return [
            _parse_route(body)
            for _, body in self._dump(message)
            if body[4] == RT_TABLE_MAIN and body[7] == RTN_UNICAST
        ]

    def _dump(self, message: Message) -> list[tuple[int, bytes]]:
        for _ in range(8):
            try:
                return self.get(message)
            except InterruptedError:
                continue
        return self.get(message)


_ENODEV = 19


def new_veth(
    name: str,
    *,
    peer_name: str,
    peer_netns: int,
    peer_mac: str,
    mtu: int,
    master: int,
) -> Message:
    """Make a veth pair: this end a port of bridge `master` (an index), the peer in another netns.

    Both ends stay down: IFF_UP on the peer is refused here, and the near end first gets its port
    settings. `peer_netns` is a descriptor of the namespace and stays the caller's.
    """
    peer = (
        _IFINFOMSG.pack(0, 0, 0, 0, 0)
        + string(IFLA_IFNAME, peer_name)
        + u32(IFLA_NET_NS_FD, peer_netns)
        + attribute(IFLA_ADDRESS, _mac(peer_mac))
        + u32(IFLA_MTU, mtu)
    )
    body = (
        _IFINFOMSG.pack(0, 0, 0, 0, 0)
        + string(IFLA_IFNAME, name)
        + u32(IFLA_MTU, mtu)
        + u32(IFLA_MASTER, master)
        + nested(
            IFLA_LINKINFO,
            string(IFLA_INFO_KIND, "veth"),
            nested(IFLA_INFO_DATA, attribute(VETH_INFO_PEER, peer)),
        )
    )
    return Message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body, f"add veth {name} - {peer_name}")


def new_bridge(name: str, *, mac: str, mtu: int) -> Message:
    """Make a bridge, down; no STP, so ports forward at once.

    A MAC set here stays; otherwise it would follow the lowest of the ports' and break neighbours'
    caches whenever a container comes or goes.
    """
    body = (
        _IFINFOMSG.pack(0, 0, 0, 0, 0)
        + string(IFLA_IFNAME, name)
        + attribute(IFLA_ADDRESS, _mac(mac))
        + u32(IFLA_MTU, mtu)
        + nested(
            IFLA_LINKINFO,
            string(IFLA_INFO_KIND, "bridge"),
            nested(
                IFLA_INFO_DATA,
                u32(IFLA_BR_STP_STATE, 0),
                u32(IFLA_BR_FORWARD_DELAY, 0),
            ),
        )
    )
    return Message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body, f"add bridge {name}")


def set_link(
    link: str | int, *, up: bool | None = None, name: str = "", mtu: int = 0, master: int = 0
) -> Message:
    """Change a link, found by name or index; what is left out stays as it is."""
    index, attributes = (link, b"") if isinstance(link, int) else (0, string(IFLA_IFNAME, link))
    if name:
        attributes += string(IFLA_IFNAME, name)
    if mtu:
        attributes += u32(IFLA_MTU, mtu)
    if master:
        attributes += u32(IFLA_MASTER, master)
    flags, change = (0, 0) if up is None else (IFF_UP if up else 0, IFF_UP)
    body = _IFINFOMSG.pack(0, 0, index, flags, change) + attributes
    return Message(RTM_NEWLINK, 0, body, f"set link {link}")


def set_bridge_port(name: str, *, hairpin: bool, isolated: bool, learning: bool) -> Message:
    """Set how a bridge treats the port `name`, and keep IPv6 addresses off that end.

    `hairpin`: frames may leave through the port they came from. `isolated`: no frames between it
    and other isolated ports. `learning` off: only entries by `new_forwarding_entry` count, so
    nobody draws another's frames by sending with its MAC.
    """
    body = (
        _IFINFOMSG.pack(0, 0, 0, 0, 0)
        + string(IFLA_IFNAME, name)
        + nested(
            IFLA_LINKINFO,
            string(IFLA_INFO_SLAVE_KIND, "bridge"),
            nested(
                IFLA_INFO_SLAVE_DATA,
                u8(IFLA_BRPORT_MODE, hairpin),
                u8(IFLA_BRPORT_LEARNING, learning),
                u8(IFLA_BRPORT_ISOLATED, isolated),
            ),
        )
        + nested(
            IFLA_AF_SPEC,
            nested(AF_INET6, u8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE)),
        )
    )
    return Message(RTM_NEWLINK, 0, body, f"set bridge port {name}")


def del_link(link: str | int) -> Message:
    """Remove a link by name or index. Waits for the kernel's readers: 15-50 ms for a veth."""
    index, attributes = (link, b"") if isinstance(link, int) else (0, string(IFLA_IFNAME, link))
    body = _IFINFOMSG.pack(0, 0, index, 0, 0) + attributes
    return Message(RTM_DELLINK, 0, body, f"delete link {link}")


def new_address(index: int, address: str) -> Message:
    """Put an address (`172.17.0.2/16`) on the link, with the broadcast address that fits."""
    host, _, length = address.partition("/")
    prefix_len = int(length)
    packed = socket.inet_aton(host)
    body = (
        _IFADDRMSG.pack(AF_INET, prefix_len, 0, 0, index)
        + attribute(IFA_LOCAL, packed)
        + attribute(IFA_ADDRESS, packed)
    )
    if prefix_len < 31:
        broadcast = int.from_bytes(packed, "big") | ((1 << (32 - prefix_len)) - 1)
        body += attribute(IFA_BROADCAST, broadcast.to_bytes(4, "big"))
    return Message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, body, f"add address {address}")


def del_address(index: int, address: str) -> Message:
    """Take an address off the link."""
    host, _, length = address.partition("/")
    body = _IFADDRMSG.pack(AF_INET, int(length), 0, 0, index) + attribute(
        IFA_LOCAL, socket.inet_aton(host)
    )
    return Message(RTM_DELADDR, 0, body, f"delete address {address}")


def new_route(index: int, to: str, via: str = "") -> Message:
    """Route `to` (`0.0.0.0/0` is the default) over the link, through `via` or directly.

    The gateway is taken as on the link (RTNH_F_ONLINK) even when no address covers it.
    """
    host, _, length = to.partition("/")
    prefix_len = int(length)
    scope, flags = (RT_SCOPE_UNIVERSE, RTNH_F_ONLINK) if via else (RT_SCOPE_LINK, 0)
    body = _RTMSG.pack(
        AF_INET, prefix_len, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, scope, RTN_UNICAST, flags
    ) + u32(RTA_OIF, index)
    if prefix_len:
        body += attribute(RTA_DST, socket.inet_aton(host))
    if via:
        body += attribute(RTA_GATEWAY, socket.inet_aton(via))
    return Message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, body, f"add route {to} via {via}")


def new_neighbour(index: int, address: str, mac: str) -> Message:
    """Fix who has `address` on the link: no ARP is asked, and none is believed."""
    body = (
        _NDMSG.pack(AF_INET, index, NUD_PERMANENT, 0, 0)
        + attribute(NDA_DST, socket.inet_aton(address))
        + attribute(NDA_LLADDR, _mac(mac))
    )
    return Message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, body, f"add neighbour {address}")


def del_neighbour(index: int, address: str) -> Message:
    """Forget who has `address` on the link."""
    body = _NDMSG.pack(AF_INET, index, 0, 0, 0) + attribute(NDA_DST, socket.inet_aton(address))
    return Message(RTM_DELNEIGH, 0, body, f"delete neighbour {address}")


def new_forwarding_entry(port: int, mac: str) -> Message:
    """Fix behind which bridge port (an index) `mac` is; an entry elsewhere moves here.

    It goes away with the port.
    """
    body = _NDMSG.pack(AF_BRIDGE, port, NUD_NOARP, NTF_MASTER, 0) + attribute(NDA_LLADDR, _mac(mac))
    return Message(
        RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, body, f"add bridge forwarding entry {mac}"
    )


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def _parse_link(body: bytes) -> Link:
    _family, _type, index, flags, _change = _IFINFOMSG.unpack_from(body)
    found = parse_attributes(body, _IFINFOMSG.size)
    info = parse_attributes(found.get(IFLA_LINKINFO, b""))
    return Link(
        ifindex=index,
        name=_text(found.get(IFLA_IFNAME, b"")),
        mac=found.get(IFLA_ADDRESS, b"").hex(":"),
        mtu=_number(found.get(IFLA_MTU, b"")),
        up=bool(flags & IFF_UP),
        master=_number(found.get(IFLA_MASTER, b"")),
        kind=_text(info.get(IFLA_INFO_KIND, b"")),
    )


def _parse_address(body: bytes) -> Address:
    _family, prefix_len, _flags, _scope, index = _IFADDRMSG.unpack_from(body)
    found = parse_attributes(body, _IFADDRMSG.size)
    packed = found.get(IFA_LOCAL) or found.get(IFA_ADDRESS, bytes(4))
    return Address(index, socket.inet_ntoa(packed), prefix_len)


def _parse_route(body: bytes) -> Route:
    found = parse_attributes(body, _RTMSG.size)
    to = socket.inet_ntoa(found.get(RTA_DST, bytes(4)))
    via = found.get(RTA_GATEWAY)
    return Route(
        f"{to}/{body[1]}", socket.inet_ntoa(via) if via else "", _number(found.get(RTA_OIF, b""))
    )


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode(errors="replace")


def _number(value: bytes) -> int:
    return struct.unpack("=I", value)[0] if len(value) == 4 else 0
