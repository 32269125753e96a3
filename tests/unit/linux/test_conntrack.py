"""linux.conntrack: reading needs no privilege beyond the socket; flows are in integration."""

from baleen.linux.conntrack import _is_udp_to, _message
from baleen.linux.netlink import attribute, nested, u8


def test_a_message_is_of_the_conntrack_subsystem_and_ipv4():
    message = _message(2, 0, b"rest", "forget")
    assert message.type == 0x0102
    assert message.body == b"\2\0\0\0rest"


def test_a_flow_is_known_by_protocol_and_destination_port():
    flow = nested(2, u8(1, 17), attribute(2, b"\1\0"), attribute(3, b"\0\x35"))
    assert _is_udp_to(flow, 53)
    assert not _is_udp_to(flow, 256)
    assert not _is_udp_to(nested(2, u8(1, 6), attribute(3, b"\0\x35")), 53)
    assert not _is_udp_to(b"", 53)
