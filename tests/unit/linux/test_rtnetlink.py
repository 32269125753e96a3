"""linux.rtnetlink: what the messages hold. The kernel's view is in tests/integration/network."""

import socket
import struct

from baleen.linux.netlink import parse_attributes
from baleen.linux.rtnetlink import (
    RouteSocket,
    del_address,
    del_link,
    del_neighbour,
    new_address,
    new_bridge,
    new_forwarding_entry,
    new_neighbour,
    new_route,
    new_veth,
    set_bridge_port,
    set_link,
)

IFINFOMSG = 16


def test_a_veth_names_its_peer_with_netns_mac_and_mtu():
    message = new_veth(
        "veth0", peer_name="eth0", peer_netns=7, peer_mac="02:42:ac:11:00:02", mtu=1400, master=5
    )
    found = parse_attributes(message.body, IFINFOMSG)
    assert found[3] == b"veth0\0"
    assert struct.unpack("=I", found[10]) == (5,)
    info = parse_attributes(found[18])
    assert info[1] == b"veth\0"
    peer = parse_attributes(parse_attributes(info[2])[1], IFINFOMSG)
    assert peer[3] == b"eth0\0"
    assert struct.unpack("=I", peer[28]) == (7,)
    assert peer[1] == bytes.fromhex("0242ac110002")
    assert struct.unpack("=I", peer[4]) == (1400,)


def test_a_bridge_has_a_fixed_mac_and_no_spanning_tree():
    found = parse_attributes(new_bridge("br0", mac="02:42:00:00:00:01", mtu=1500).body, IFINFOMSG)
    assert found[1] == bytes.fromhex("024200000001")
    data = parse_attributes(parse_attributes(found[18])[2])
    assert data[5] == bytes(4)


def test_a_link_is_changed_by_name_or_by_index():
    by_name = set_link("eth0", up=True).body
    by_index = set_link(3, up=False).body
    assert struct.unpack_from("=BxHiII", by_name)[2:] == (0, 1, 1)
    assert struct.unpack_from("=BxHiII", by_index)[2:] == (3, 0, 1)


def test_up_is_left_alone_when_only_the_mtu_changes():
    body = set_link(3, mtu=1400).body
    assert struct.unpack_from("=BxHiII", body)[3:] == (0, 0)


def test_a_bridge_port_gets_hairpin_learning_and_isolation():
    body = set_bridge_port("veth0", hairpin=True, isolated=False, learning=False).body
    found = parse_attributes(parse_attributes(parse_attributes(body, IFINFOMSG)[18])[5])
    assert (found[4], found[8], found[33]) == (b"\1", b"\0", b"\0")


def test_an_address_comes_with_its_broadcast_address():
    body = new_address(4, "172.17.0.2/16").body
    assert struct.unpack_from("=BBBBI", body) == (socket.AF_INET, 16, 0, 0, 4)
    found = parse_attributes(body, 8)
    assert found[2] == socket.inet_aton("172.17.0.2")
    assert found[4] == socket.inet_aton("172.17.255.255")


def test_a_point_to_point_address_has_no_broadcast():
    assert 4 not in parse_attributes(new_address(4, "10.0.0.0/31").body, 8)


def test_a_default_route_has_no_destination_and_an_on_link_gateway():
    body = new_route(4, "0.0.0.0/0", "172.17.0.1").body
    found = parse_attributes(body, 12)
    assert 1 not in found
    assert found[5] == socket.inet_aton("172.17.0.1")
    assert struct.unpack_from("=I", body, 8) == (4,)


def test_a_route_without_gateway_is_of_link_scope():
    body = new_route(4, "10.0.0.0/8").body
    assert body[6] == 253
    assert parse_attributes(body, 12)[1] == socket.inet_aton("10.0.0.0")


def test_neighbours_and_forwarding_entries_are_permanent():
    assert struct.unpack_from("=H", new_neighbour(2, "10.0.0.2", "02:42:0a:00:00:02").body, 8) == (
        0x80,
    )
    assert struct.unpack_from("=H", new_forwarding_entry(2, "02:42:0a:00:00:02").body, 8) == (0x40,)


def test_every_message_says_what_it_does():
    assert del_link("veth0").what == "delete link veth0"
    assert del_address(2, "10.0.0.1/8").what == "delete address 10.0.0.1/8"
    assert del_neighbour(2, "10.0.0.1").what == "delete neighbour 10.0.0.1"


def test_the_loopback_link_and_its_address_are_read():
    with RouteSocket() as route:
        link = route.link("lo")
        assert link is not None
        assert link.ifindex == 1
        assert [item.name for item in route.links() if item.ifindex == 1] == ["lo"]


def test_a_missing_link_is_none():
    with RouteSocket() as route:
        assert route.link("no-such-link") is None
