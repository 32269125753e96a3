"""Connection tracking: forget flows to a port, so that their next packet meets the rules anew.

NAT rules see only the first packet of a flow; UDP has no end, so a client that goes on sending
from one port would be led for ever where its first packet was.

See: linux/netfilter/nfnetlink_conntrack.h, conntrack(8)
"""

from __future__ import annotations

import socket
import struct

from baleen.linux.netlink import (
    NLM_F_DUMP,
    Message,
    NetlinkSocket,
    attribute,
    nested,
    parse_attributes,
    u8,
    u32,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

__all__ = ["ConntrackSocket"]

NETLINK_NETFILTER: Final = 12
NFNL_SUBSYS_CTNETLINK: Final = 1
IPCTNL_MSG_CT_GET: Final = 1
IPCTNL_MSG_CT_DELETE: Final = 2

CTA_TUPLE_ORIG: Final = 1
CTA_FILTER: Final = 25
CTA_FILTER_ORIG_FLAGS: Final = 1
CTA_FILTER_REPLY_FLAGS: Final = 2
CTA_TUPLE_PROTO: Final = 2
CTA_PROTO_NUM: Final = 1
CTA_PROTO_DST_PORT: Final = 3
_FILTER_BY_PROTOCOL: Final = 1 << 3
_FILTER_BY_DESTINATION_PORT: Final = 1 << 5

_NFGENMSG = struct.Struct("!BBH")  # family, version, resource id


class ConntrackSocket(NetlinkSocket):
    """A NETLINK_NETFILTER socket for the flows of its network namespace."""

    def __init__(self) -> None:
        super().__init__(NETLINK_NETFILTER)

    def forget_udp(self, ports: Iterable[int]) -> None:
        """Forget the UDP flows whose first packet went to one of `ports`, on any address.

        The kernel chooses them (Linux 5.8), walking its table once per port.
        """
        for port in ports:
            for flow in self._find(port):
                self._forget(flow)

    def _find(self, port: int) -> list[bytes]:
        """The tuples (direction of the first packet) of the flows to the port."""
        wanted = nested(
            CTA_TUPLE_ORIG,
            nested(
                CTA_TUPLE_PROTO,
                u8(CTA_PROTO_NUM, socket.IPPROTO_UDP),
                attribute(CTA_PROTO_DST_PORT, port.to_bytes(2, "big")),
            ),
        )
        by = nested(
            CTA_FILTER,
            u32(CTA_FILTER_ORIG_FLAGS, _FILTER_BY_PROTOCOL | _FILTER_BY_DESTINATION_PORT),
            u32(CTA_FILTER_REPLY_FLAGS, 0),
        )
        message = _message(IPCTNL_MSG_CT_GET, NLM_F_DUMP, wanted + by, f"list flows to {port}/udp")
        found = [
            parse_attributes(body, _NFGENMSG.size).get(CTA_TUPLE_ORIG, b"")
            for _, body in self.get(message)
        ]
        # An older kernel does not know the filter and lists everything.
        return [flow for flow in found if _is_udp_to(flow, port)]

    def _forget(self, packed: bytes) -> None:
        flow = nested(CTA_TUPLE_ORIG, packed)
        try:
            self.run(_message(IPCTNL_MSG_CT_DELETE, 0, flow, "forget a flow"))
        except FileNotFoundError:
            return  # it has ended by itself


def _is_udp_to(flow: bytes, port: int) -> bool:
    found = parse_attributes(parse_attributes(flow).get(CTA_TUPLE_PROTO, b""))
    return found.get(CTA_PROTO_NUM) == bytes((socket.IPPROTO_UDP,)) and found.get(
        CTA_PROTO_DST_PORT
    ) == port.to_bytes(2, "big")


def _message(kind: int, flags: int, body: bytes, what: str) -> Message:
    return Message(
        NFNL_SUBSYS_CTNETLINK << 8 | kind,
        flags,
        _NFGENMSG.pack(socket.AF_INET, 0, 0) + body,
        what,
    )
