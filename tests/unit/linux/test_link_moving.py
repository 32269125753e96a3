import struct

from baleen.linux.link_moving import KeptAddress, move_link, permanent_addresses
from baleen.linux.netlink import attribute, parse_attributes, u32


class Table:
    """Answers a dump with given messages."""

    def __init__(self, *bodies):
        self.bodies = bodies

    def get(self, _message):
        return [(20, body) for body in self.bodies]


def body(index, *, flags=0x80, scope=0, more=None, family=2):
    attributes = attribute(2, b"\x0a\0\0\1") + attribute(3, b"eth0\0")
    if more is not None:
        attributes += u32(8, more)
    return struct.pack("=BBBBI", family, 24, flags, scope, index) + attributes


def test_only_permanent_global_addresses_of_the_link_are_kept():
    table = Table(
        body(7),
        body(8),
        body(7, flags=0),
        body(7, scope=253),
        body(7, flags=0, more=0x280, family=10),
        body(7, flags=0x80, more=0x200),
    )
    local = attribute(2, b"\x0a\0\0\1")
    assert permanent_addresses(table, 7) == [
        KeptAddress(2, 24, 0, local),
        KeptAddress(10, 24, 0x200, local),
    ]


def test_an_address_is_put_on_another_link_without_its_label():
    message = KeptAddress(10, 64, 0x202, attribute(1, bytes(16))).message(99)
    assert struct.unpack_from("=BBBBI", message.body) == (10, 64, 0, 0, 99)
    found = parse_attributes(message.body, 8)
    assert found == {1: bytes(16), 8: struct.pack("=I", 0x202)}


def test_a_link_is_moved_by_its_index():
    message = move_link(5, 9, "in%d")
    assert struct.unpack_from("=BxHiII", message.body) == (0, 0, 5, 0, 0)
    found = parse_attributes(message.body, 16)
    assert found == {28: struct.pack("=I", 9), 3: b"in%d\0"}
