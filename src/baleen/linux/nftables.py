"""nf_tables over netlink: tables, chains, sets, maps, elements and rules; one atomic batch.

    table = Table("demo")
    with NftSocket() as nft:
        nft.commit(
            table.add(),
            table.add_chain("pre", hook=Hook("nat", NF_INET_PRE_ROUTING, -100)),
            table.add_map("ports", (INET_PROTO, INET_SERVICE), (IPV4_ADDR, INET_SERVICE)),
            table.add_rule("pre", meta(L4PROTO, 0), dport(1), lookup("ports", 0, 0), dnat(0, 1)),
        )
        nft.commit(table.add_elements("ports", [((TCP, port(80)), (ipv4("10.0.0.2"), port(80)))]))

A batch takes effect as a whole when all of it is right, else not at all; packets see the old or
the new rules, never a mix. The kernel stores keys as bytes; the types given here only tell `nft
list ruleset` how to print them. Expressions, the parts of rules, are in `nft_expressions`.

See: linux/netfilter/nf_tables.h, nft(8), https://wiki.nftables.org (Nftables internals)
"""

from __future__ import annotations

import socket
import struct

from baleen.linux.netlink import (
    NLM_F_APPEND,
    NLM_F_CREATE,
    NLM_F_EXCL,
    Message,
    NetlinkSocket,
    attribute,
    nested,
    string,
)
from baleen.linux.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Final

__all__ = [
    "IFNAME",
    "INET_PROTO",
    "INET_SERVICE",
    "IPV4_ADDR",
    "MAX_ELEMENTS",
    "NF_INET_FORWARD",
    "NF_INET_LOCAL_OUT",
    "NF_INET_POST_ROUTING",
    "NF_INET_PRE_ROUTING",
    "DataType",
    "Hook",
    "NftSocket",
    "Table",
    "ifname",
    "ipv4",
    "port",
    "protocol",
]

NETLINK_NETFILTER: Final = 12
NFNL_SUBSYS_NFTABLES: Final = 10
NFNL_MSG_BATCH_BEGIN: Final = 16
NFNL_MSG_BATCH_END: Final = 17
NFPROTO_IPV4: Final = 2

NFT_MSG_NEWTABLE: Final = 0
NFT_MSG_DELTABLE: Final = 2
NFT_MSG_NEWCHAIN: Final = 3
NFT_MSG_NEWRULE: Final = 6
NFT_MSG_NEWSET: Final = 9
NFT_MSG_NEWSETELEM: Final = 12
NFT_MSG_DELSETELEM: Final = 14

NF_INET_PRE_ROUTING: Final = 0
NF_INET_FORWARD: Final = 2
NF_INET_LOCAL_OUT: Final = 3
NF_INET_POST_ROUTING: Final = 4

NF_DROP: Final = 0
NF_ACCEPT: Final = 1

NFTA_TABLE_NAME: Final = 1
NFTA_CHAIN_TABLE: Final = 1
NFTA_CHAIN_NAME: Final = 3
NFTA_CHAIN_HOOK: Final = 4
NFTA_CHAIN_POLICY: Final = 5
NFTA_CHAIN_TYPE: Final = 7
NFTA_HOOK_HOOKNUM: Final = 1
NFTA_HOOK_PRIORITY: Final = 2
NFTA_RULE_TABLE: Final = 1
NFTA_RULE_CHAIN: Final = 2
NFTA_RULE_EXPRESSIONS: Final = 4
NFTA_RULE_USERDATA: Final = 7
NFTA_LIST_ELEM: Final = 1
NFTA_SET_TABLE: Final = 1
NFTA_SET_NAME: Final = 2
NFTA_SET_FLAGS: Final = 3
NFTA_SET_KEY_TYPE: Final = 4
NFTA_SET_KEY_LEN: Final = 5
NFTA_SET_DATA_TYPE: Final = 6
NFTA_SET_DATA_LEN: Final = 7
NFTA_SET_ID: Final = 10
NFTA_SET_USERDATA: Final = 13
NFTA_SET_ELEM_LIST_TABLE: Final = 1
NFTA_SET_ELEM_LIST_SET: Final = 2
NFTA_SET_ELEM_LIST_ELEMENTS: Final = 3
NFTA_SET_ELEM_KEY: Final = 1
NFTA_SET_ELEM_DATA: Final = 2
NFTA_SET_ELEM_FLAGS: Final = 3
NFTA_DATA_VALUE: Final = 1

NFT_SET_INTERVAL: Final = 0x4
NFT_SET_MAP: Final = 0x8
NFT_SET_ELEM_INTERVAL_END: Final = 0x1

_NFGENMSG = struct.Struct("!BBH")  # family, version, resource id (big endian)
_UDATA_RULE_COMMENT = 0
_UDATA_SET_KEYBYTEORDER = 0
_BYTEORDER_HOST_ENDIAN = 1
_TYPE_BITS = 6  # how nft packs the types of a concatenation into one number
MAX_ELEMENTS: Final = 500  # in one message: the length of an attribute has only 16 bits


@record(frozen=True, slots=True)
class DataType:
    """What nft calls a type: its number in nft's own table, and the bytes of a value.

    `host_order`: nft takes the bytes as a number of the host's (or as text), not of the network's.
    """

    number: int
    length: int
    host_order: bool = False


IPV4_ADDR = DataType(7, 4)
INET_PROTO = DataType(12, 1)
INET_SERVICE = DataType(13, 2)
IFNAME = DataType(41, 16, host_order=True)


@record(frozen=True, slots=True)
class Hook:
    """Where the kernel enters a base chain.

    `kind` is "filter" or "nat"; `number` one of NF_INET_*; chains of one hook run by rising
    `priority` (raw -300, conntrack -200, dstnat -100, filter 0, srcnat 100). What reaches the
    chain's end is accepted, or dropped with `drop`; an accept holds for this chain only, a drop
    is final.
    """

    kind: str
    number: int
    priority: int
    drop: bool = False


def ipv4(address: str) -> bytes:
    """Encode an address, `10.0.0.1`."""
    return socket.inet_aton(address)


def port(number: int) -> bytes:
    """Encode a TCP, UDP or SCTP port."""
    return number.to_bytes(2, "big")


def ifname(name: str) -> bytes:
    """Encode an interface's name: NUL-filled to IFNAMSIZ."""
    return name.encode().ljust(16, b"\0")


def protocol(name: str) -> bytes:
    """Encode "tcp", "udp" or "sctp". See: IANA protocol numbers."""
    return bytes(({"tcp": 6, "udp": 17, "sctp": 132}[name],))


class NftSocket(NetlinkSocket):
    """A NETLINK_NETFILTER socket that changes the nf_tables of its network namespace."""

    def __init__(self) -> None:
        super().__init__(NETLINK_NETFILTER)

    def commit(self, *messages: Message) -> None:
        """Do all of `messages`, or nothing.

        Raises:
            OSError: the first object that the kernel refused, named in a note: ENOENT (delete of
                what is not there), EEXIST (another value under that key), EPERM.
        """
        begin = Message(NFNL_MSG_BATCH_BEGIN, 0, _batch_marker(), "begin nf_tables batch")
        end = Message(NFNL_MSG_BATCH_END, 0, _batch_marker(), "end nf_tables batch")
        *others, last = messages
        batch = [begin, *others, replace(last, flags=last.flags | 0x4), end]
        first = self._send(batch)
        self.raise_errors(batch, first, self._collect_errors(first, first + len(messages)))

    def _ends_batch(self, sequence: int, first: int) -> bool:
        """An error of the begin message is about the whole batch: no permission, or no commit."""
        return sequence == first


@record(frozen=True, slots=True)
class Table:
    """Names a table and builds the messages that concern it. Nothing happens before a commit."""

    name: str
    family: int = NFPROTO_IPV4

    def add(self, *, exclusive: bool = False) -> Message:
        """Create the table; when it exists, no error unless `exclusive` (EEXIST)."""
        flags = NLM_F_CREATE | (NLM_F_EXCL if exclusive else 0)
        return self._message(
            NFT_MSG_NEWTABLE, flags, string(NFTA_TABLE_NAME, self.name), "add table"
        )

    def delete(self) -> Message:
        """Remove the table with all that is in it. `add` before it makes that idempotent."""
        return self._message(
            NFT_MSG_DELTABLE, 0, string(NFTA_TABLE_NAME, self.name), "delete table"
        )

    def add_chain(self, name: str, *, hook: Hook | None = None) -> Message:
        """Create a base chain (with a hook) or one that rules jump to."""
        body = string(NFTA_CHAIN_TABLE, self.name) + string(NFTA_CHAIN_NAME, name)
        if hook is not None:
            body += (
                nested(
                    NFTA_CHAIN_HOOK,
                    _be32(NFTA_HOOK_HOOKNUM, hook.number),
                    _be32(NFTA_HOOK_PRIORITY, hook.priority),
                )
                + _be32(NFTA_CHAIN_POLICY, NF_DROP if hook.drop else NF_ACCEPT)
                + string(NFTA_CHAIN_TYPE, hook.kind)
            )
        return self._message(NFT_MSG_NEWCHAIN, NLM_F_CREATE, body, f"add chain {name}")

    def add_set(self, name: str, key: Sequence[DataType], *, interval: bool = False) -> Message:
        """Create a set whose elements are concatenations of `key`, or ranges of one type."""
        return self._add_set(name, key, NFT_SET_INTERVAL if interval else 0, b"")

    def add_map(self, name: str, key: Sequence[DataType], data: Sequence[DataType]) -> Message:
        """Create a map from concatenations of `key` to concatenations of `data`."""
        value = _be32(NFTA_SET_DATA_TYPE, _type_number(data)) + _be32(
            NFTA_SET_DATA_LEN, _type_length(data)
        )
        return self._add_set(name, key, NFT_SET_MAP, value)

    def _add_set(self, name: str, key: Sequence[DataType], flags: int, value: bytes) -> Message:
        body = (
            string(NFTA_SET_TABLE, self.name)
            + string(NFTA_SET_NAME, name)
            + _be32(NFTA_SET_FLAGS, flags)
            + _be32(NFTA_SET_KEY_TYPE, _type_number(key))
            + _be32(NFTA_SET_KEY_LEN, _type_length(key))
            + value
            + _be32(NFTA_SET_ID, 1)  # required, but only used to refer to anonymous sets
        )
        if len(key) == 1 and key[0].host_order:
            # Only for nft's eyes: it prints interface names as empty text otherwise.
            order = struct.pack("=BBI", _UDATA_SET_KEYBYTEORDER, 4, _BYTEORDER_HOST_ENDIAN)
            body += attribute(NFTA_SET_USERDATA, order)
        return self._message(NFT_MSG_NEWSET, NLM_F_CREATE, body, f"add set {name}")

    def add_rule(self, chain: str, *expressions: bytes, comment: str = "") -> Message:
        """Append a rule: expressions run left to right until one does not match."""
        body = (
            string(NFTA_RULE_TABLE, self.name)
            + string(NFTA_RULE_CHAIN, chain)
            + nested(NFTA_RULE_EXPRESSIONS, *expressions)
        )
        if comment:
            text = comment.encode() + b"\0"
            body += attribute(NFTA_RULE_USERDATA, bytes((_UDATA_RULE_COMMENT, len(text))) + text)
        return self._message(
            NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, body, f"add rule to {chain} ({comment})"
        )

    def add_elements(
        self, name: str, elements: Iterable[tuple[Sequence[bytes], Sequence[bytes]]]
    ) -> Message:
        """Put (key, data) pairs into a map; fields in the order of its types.

        An equal pair may already be there. At most `MAX_ELEMENTS` in one message.
        """
        return self._elements(
            NFT_MSG_NEWSETELEM, NLM_F_CREATE, name, (_element(key, data) for key, data in elements)
        )

    def add_keys(self, name: str, keys: Iterable[Sequence[bytes]]) -> Message:
        """Put keys into a set; equal ones may already be there."""
        return self._elements(
            NFT_MSG_NEWSETELEM, NLM_F_CREATE, name, (_element(key) for key in keys)
        )

    def delete_keys(self, name: str, keys: Iterable[Sequence[bytes]]) -> Message:
        """Take elements out of a set or map; each must be there (ENOENT)."""
        return self._elements(NFT_MSG_DELSETELEM, 0, name, (_element(key) for key in keys))

    def add_subnet(self, name: str, first: str, after_last: str) -> Message:
        """Put the addresses from `first` to before `after_last` into an interval set.

        Ranges of one set must not overlap. "" as `after_last` means up to 255.255.255.255.
        """
        return self._elements(NFT_MSG_NEWSETELEM, NLM_F_CREATE, name, _interval(first, after_last))

    def delete_subnet(self, name: str, first: str, after_last: str) -> Message:
        """Take a range out as it was put in."""
        return self._elements(NFT_MSG_DELSETELEM, 0, name, _interval(first, after_last))

    def _elements(self, kind: int, flags: int, name: str, elements: Iterable[bytes]) -> Message:
        verb = "delete" if kind == NFT_MSG_DELSETELEM else "add"
        body = (
            string(NFTA_SET_ELEM_LIST_TABLE, self.name)
            + string(NFTA_SET_ELEM_LIST_SET, name)
            + nested(NFTA_SET_ELEM_LIST_ELEMENTS, *elements)
        )
        return self._message(kind, flags, body, f"{verb} elements of {name}")

    def _message(self, kind: int, flags: int, body: bytes, what: str) -> Message:
        return Message(
            (NFNL_SUBSYS_NFTABLES << 8) | kind,
            flags,
            _NFGENMSG.pack(self.family, 0, 0) + body,
            f"{what} (nft table {self.name})",
        )


def _batch_marker() -> bytes:
    return _NFGENMSG.pack(0, 0, NFNL_SUBSYS_NFTABLES)


def _be32(kind: int, value: int) -> bytes:
    return attribute(kind, (value & 0xFFFFFFFF).to_bytes(4, "big"))


def _type_number(types: Sequence[DataType]) -> int:
    number = 0
    for item in types:
        number = (number << _TYPE_BITS) | item.number
    return number


def _type_length(types: Sequence[DataType]) -> int:
    """Bytes of a concatenation: each field fills whole 32-bit registers, a single one does not."""
    if len(types) == 1:
        return types[0].length
    return sum((item.length + 3) & ~3 for item in types)


def _concatenated(fields: Sequence[bytes]) -> bytes:
    if len(fields) == 1:
        return fields[0]
    return b"".join(field + bytes(-len(field) % 4) for field in fields)


def _element(key: Sequence[bytes], data: Sequence[bytes] = (), flags: int = 0) -> bytes:
    parts = [nested(NFTA_SET_ELEM_KEY, attribute(NFTA_DATA_VALUE, _concatenated(key)))]
    if data:
        parts.append(nested(NFTA_SET_ELEM_DATA, attribute(NFTA_DATA_VALUE, _concatenated(data))))
    if flags:
        parts.append(_be32(NFTA_SET_ELEM_FLAGS, flags))
    return nested(NFTA_LIST_ELEM, *parts)


def _interval(first: str, after_last: str) -> Iterator[bytes]:
    """A range is two elements: its first address, and the one after its last, marked as an end."""
    yield _element((ipv4(first),))
    if after_last:
        yield _element((ipv4(after_last),), flags=NFT_SET_ELEM_INTERVAL_END)
