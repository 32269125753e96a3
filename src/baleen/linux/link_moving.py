"""Moving a network interface to another network namespace with the addresses that it has.

See: rtnetlink(7); include/uapi/linux/if_link.h, if_addr.h.
"""

from __future__ import annotations

import struct

from baleen.linux.netlink import (
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    Message,
    attribute,
    parse_attributes,
    string,
    u32,
)
from baleen.linux.record import record
from baleen.linux.rtnetlink import IFLA_IFNAME, RTM_GETADDR, RTM_NEWADDR, RTM_NEWLINK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from baleen.linux.rtnetlink import RouteSocket

__all__ = ["KeptAddress", "move_link", "permanent_addresses"]

_IFLA_NET_NS_FD: Final = 28
_IFA_ADDRESS: Final = 1
_IFA_LOCAL: Final = 2
_IFA_BROADCAST: Final = 4
_IFA_FLAGS: Final = 8
_IFA_RT_PRIORITY: Final = 9
_IFA_F_PERMANENT: Final = 0x80
# What somebody has set, not what the kernel has found: NODAD, HOMEADDRESS, MANAGETEMPADDR,
# NOPREFIXROUTE, MCAUTOJOIN.
_IFA_F_KEPT: Final = 0x02 | 0x10 | 0x100 | 0x200 | 0x400
_RT_SCOPE_UNIVERSE: Final = 0
_AF_UNSPEC: Final = 0
_IFINFOMSG: Final = struct.Struct("=BxHiII")
_IFADDRMSG: Final = struct.Struct("=BBBBI")


@record(frozen=True, slots=True)
class KeptAddress:
    """An address of any family, as the kernel gave it."""

    family: int
    prefix_len: int
    flags: int
    attributes: bytes

    def message(self, index: int) -> Message:
        """Puts it on the link with this index."""
        header = _IFADDRMSG.pack(self.family, self.prefix_len, 0, _RT_SCOPE_UNIVERSE, index)
        body = header + self.attributes + u32(_IFA_FLAGS, self.flags)
        return Message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, body, "add an address")


def permanent_addresses(route: RouteSocket, index: int) -> list[KeptAddress]:
    """The addresses of a link that are permanent and of global scope."""
    request = _IFADDRMSG.pack(_AF_UNSPEC, 0, 0, 0, 0)
    result = []
    for _, body in route.get(Message(RTM_GETADDR, NLM_F_DUMP, request, "list addresses")):
        family, prefix_len, short_flags, scope, of = _IFADDRMSG.unpack_from(body)
        found = parse_attributes(body, _IFADDRMSG.size)
        flags = short_flags
        if len(found.get(_IFA_FLAGS, b"")) == 4:
            (flags,) = struct.unpack("=I", found[_IFA_FLAGS])
        if of != index or scope != _RT_SCOPE_UNIVERSE or not flags & _IFA_F_PERMANENT:
            continue
        kept = (_IFA_ADDRESS, _IFA_LOCAL, _IFA_BROADCAST, _IFA_RT_PRIORITY)
        attributes = b"".join(attribute(key, found[key]) for key in kept if key in found)
        result.append(KeptAddress(family, prefix_len, flags & _IFA_F_KEPT, attributes))
    return result


def move_link(index: int, netns: int, name: str) -> Message:
    """Move the link to the namespace `netns` (a descriptor) as `name`, which may have a "%d".

    It is down afterwards and has lost its addresses.
    """
    body = (
        _IFINFOMSG.pack(_AF_UNSPEC, 0, index, 0, 0)
        + u32(_IFLA_NET_NS_FD, netns)
        + string(IFLA_IFNAME, name)
    )
    return Message(RTM_NEWLINK, 0, body, f"move a link as {name}")
