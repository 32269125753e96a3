"""Expressions: the instructions of which nf_tables rules are made.

A rule is a small program. Expressions load values into *registers*, compare, look up, and act;
the first that does not match ends the rule, and the packet goes to the next one. A register holds
4 bytes and has a number from 0 here (the kernel's NFT_REG32_00 + n); longer values and
concatenated keys lie in neighbouring registers: an address in 0, a protocol in 1 and a port in 2
together are the key of a set with three types. A verdict ends the chain.

    iifname "br0" ip daddr 10.0.0.0/8 drop   is
    meta(IIFNAME, 0), equals(0, ifname("br0")),
    daddr(0), bitwise(0, mask), equals(0, network), DROP

See: linux/netfilter/nf_tables.h (enum nft_*_attributes), nft(8), `nft --debug=netlink`
"""

from __future__ import annotations

import struct

from baleen.linux.netlink import attribute, nested, string

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = [
    "ACCEPT",
    "CT_STATE_ESTABLISHED_OR_RELATED",
    "CT_STATUS_DNAT",
    "DROP",
    "IIFNAME",
    "L4PROTO",
    "OIFNAME",
    "bitwise",
    "ct_state",
    "ct_status",
    "daddr",
    "daddr_is_local",
    "dnat",
    "dport",
    "equals",
    "immediate",
    "lookup",
    "masquerade",
    "meta",
    "not_equals",
    "payload",
    "saddr",
]

NFT_REG_VERDICT: Final = 0
NFT_REG32_00: Final = 8

NFTA_LIST_ELEM: Final = 1
NFTA_EXPR_NAME: Final = 1
NFTA_EXPR_DATA: Final = 2
NFTA_DATA_VALUE: Final = 1
NFTA_DATA_VERDICT: Final = 2

IIFNAME: Final = 6
OIFNAME: Final = 7
L4PROTO: Final = 16

CT_STATE_ESTABLISHED_OR_RELATED: Final = 0x2 | 0x4
CT_STATUS_DNAT: Final = 0x20

_NETWORK_HEADER: Final = 1
_TRANSPORT_HEADER: Final = 2
_NF_DROP: Final = 0
_NF_ACCEPT: Final = 1
_RTN_LOCAL: Final = 2
_NFT_FIB_RESULT_ADDRTYPE: Final = 3
_NFTA_FIB_F_DADDR: Final = 2
_NFPROTO_IPV4: Final = 2
_NFT_NAT_DNAT: Final = 1


def _expression(name: str, *attributes: bytes) -> bytes:
    """One element of a rule's list; several are joined by +."""
    return nested(NFTA_LIST_ELEM, string(NFTA_EXPR_NAME, name), nested(NFTA_EXPR_DATA, *attributes))


def _be32(kind: int, value: int) -> bytes:
    return attribute(kind, (value & 0xFFFFFFFF).to_bytes(4, "big"))


def _register(kind: int, number: int) -> bytes:
    return _be32(kind, NFT_REG32_00 + number)


def _host32(value: int) -> bytes:
    """Numbers of the kernel, unlike fields of packets, are in host byte order."""
    return struct.pack("=I", value)


def _value(kind: int, value: bytes) -> bytes:
    return nested(kind, attribute(NFTA_DATA_VALUE, value))


def payload(base: int, offset: int, length: int, register: int) -> bytes:
    """Load bytes of the packet: `base` 1 is the network header, 2 the transport header.

    A packet without that header (a later fragment) does not match.
    """
    return _expression(
        "payload",
        _register(1, register),
        _be32(2, base),
        _be32(3, offset),
        _be32(4, length),
    )


def saddr(register: int) -> bytes:
    """Load the IPv4 source address (`ip saddr`)."""
    return payload(_NETWORK_HEADER, 12, 4, register)


def daddr(register: int) -> bytes:
    """Load the IPv4 destination address (`ip daddr`)."""
    return payload(_NETWORK_HEADER, 16, 4, register)


def dport(register: int) -> bytes:
    """Load the destination port (`th dport`), which TCP, UDP and SCTP have at the same place."""
    return payload(_TRANSPORT_HEADER, 2, 2, register)


def meta(key: int, register: int) -> bytes:
    """Load what the kernel knows beside the packet: IIFNAME or OIFNAME (16 bytes), L4PROTO (1)."""
    return _expression("meta", _register(1, register), _be32(2, key))


def equals(register: int, value: bytes) -> bytes:
    """Match when the register holds `value`."""
    return _expression("cmp", _register(1, register), _be32(2, 0), _value(3, value))


def not_equals(register: int, value: bytes) -> bytes:
    """Match when the register holds anything else."""
    return _expression("cmp", _register(1, register), _be32(2, 1), _value(3, value))


def bitwise(register: int, mask: bytes) -> bytes:
    """Keep only the bits of `mask` in the register."""
    return _expression(
        "bitwise",
        _register(1, register),
        _register(2, register),
        _be32(3, len(mask)),
        _value(4, mask),
        _value(5, bytes(len(mask))),
    )


def lookup(
    name: str, register: int, data_register: int | None = None, *, invert: bool = False
) -> bytes:
    """Match when the key that starts in `register` is in the set or map `name`.

    With `data_register` the map's value is loaded there. `invert`: match when it is absent.
    """
    parts = [string(1, name), _register(2, register)]
    if data_register is not None:
        parts.append(_register(3, data_register))
    if invert:
        parts.append(_be32(5, 1))
    return _expression("lookup", *parts)


def daddr_is_local(register: int) -> bytes:
    """Match when the destination is an address of this host (`fib daddr type local`).

    Uses `register`. Works in prerouting and output, before any routing.
    """
    load = _expression(
        "fib",
        _register(1, register),
        _be32(2, _NFT_FIB_RESULT_ADDRTYPE),
        _be32(3, _NFTA_FIB_F_DADDR),
    )
    return load + equals(register, _host32(_RTN_LOCAL))


def ct_state(bits: int, register: int = 0) -> bytes:
    """Match when connection tracking says one of the states in `bits` (`ct state`)."""
    return _ct(0, bits, register)


def ct_status(bits: int, register: int = 0) -> bytes:
    """Match when one of the status bits is set (`ct status`), as CT_STATUS_DNAT."""
    return _ct(2, bits, register)


def _ct(key: int, bits: int, register: int) -> bytes:
    return (
        _expression("ct", _register(1, register), _be32(2, key))
        + bitwise(register, _host32(bits))
        + not_equals(register, bytes(4))
    )


def dnat(address_register: int, port_register: int) -> bytes:
    """Send the connection to the address and port in the registers. In nat chains before routing.

    A nat chain sees only the first packet of a connection; the kernel treats the others alike.
    """
    return _expression(
        "nat",
        _be32(1, _NFT_NAT_DNAT),
        _be32(2, _NFPROTO_IPV4),
        _register(3, address_register),
        _register(5, port_register),
    )


def masquerade() -> bytes:
    """Let the connection come from the address of the interface by which it leaves."""
    return _expression("masq")


def immediate(register: int, value: bytes) -> bytes:
    """Load a constant."""
    return _expression("immediate", _register(1, register), _value(2, value))


def _verdict(code: int) -> bytes:
    """A verdict is a constant loaded into the verdict register."""
    return _expression(
        "immediate",
        _be32(1, NFT_REG_VERDICT),
        nested(2, nested(NFTA_DATA_VERDICT, _be32(1, code))),
    )


ACCEPT: Final = _verdict(_NF_ACCEPT)
DROP: Final = _verdict(_NF_DROP)
