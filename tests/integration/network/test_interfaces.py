"""Interfaces in a container's namespace, as the kernel shows them."""

import os
import socket
from pathlib import Path

import pytest

from baleen.linux.netns import inside_netns
from baleen.linux.rtnetlink import RouteSocket, new_address, new_bridge, set_link
from baleen.runtime.interfaces import attach_interface, detach_interface

pytestmark = pytest.mark.integration

BRIDGE = "br0"


@pytest.fixture
def route(lab):
    route = lab.route
    route.run(new_bridge(BRIDGE, mac="02:42:ac:11:00:01", mtu=1500), set_link(BRIDGE, up=True))
    route.run(new_address(socket.if_nametoindex(BRIDGE), "172.17.0.1/16"))
    return route


def document(number=2, **change):
    return {
        "kind": "bridge",
        "host_name": f"veth000000{number}",
        "name": "eth0",
        "bridge": BRIDGE,
        "mac": f"02:42:ac:11:00:{number:02x}",
        "addresses": [f"172.17.0.{number}/16"],
        "routes": [{"to": "0.0.0.0/0", "via": "172.17.0.1"}],
        "mtu": 1400,
        "hairpin": True,
        "isolated": False,
        "sysctls": {},
    } | change


def look(netns):
    """(links, addresses, routes) of a namespace."""
    with inside_netns(netns.fileno()), RouteSocket() as route:
        return route.links(), route.addresses(), route.routes()


def test_the_interface_has_name_mac_mtu_address_and_route(lab, route):
    netns = lab.netns()
    attach_interface(route, netns, document())
    links, addresses, routes = look(netns)
    [eth0] = [link for link in links if link.name == "eth0"]
    assert (eth0.mac, eth0.mtu, eth0.up, eth0.kind) == ("02:42:ac:11:00:02", 1400, True, "veth")
    assert [(a.address, a.prefix_len) for a in addresses if a.ifindex == eth0.ifindex] == [
        ("172.17.0.2", 16)
    ]
    assert ("0.0.0.0/0", "172.17.0.1") in [(r.to, r.via) for r in routes]
    host_end = route.link("veth0000002")
    assert (host_end.master, host_end.up) == (socket.if_nametoindex(BRIDGE), True)


def test_containers_reach_each_other_and_the_host(lab, route):
    first, second = lab.netns(), lab.netns()
    attach_interface(route, first, document(2))
    attach_interface(route, second, document(3))
    assert lab.reach(second, "172.17.0.2", 80, lab.listen(first, 80)) == "172.17.0.3"
    assert lab.reach(first, "172.17.0.1", 81, lab.listen(lab.host, 81)) == "172.17.0.2"


def test_isolated_ports_do_not_see_each_other_but_the_host(lab, route):
    first, second = lab.netns(), lab.netns()
    attach_interface(route, first, document(2, isolated=True))
    attach_interface(route, second, document(3, isolated=True))
    assert lab.is_blocked(second, "172.17.0.2", 80, lab.listen(first, 80))
    assert lab.reach(first, "172.17.0.1", 81, lab.listen(lab.host, 81)) == "172.17.0.2"


def test_n03_ipv6_is_off_on_the_interface_and_no_link_local_address_exists(lab, route):
    netns = lab.netns()
    attach_interface(route, netns, document())
    assert lab.sysctl(netns, "net/ipv6/conf/eth0/disable_ipv6") == "1"
    with lab.inside(netns):
        assert "eth0" not in Path("/proc/thread-self/net/if_inet6").read_text()
    assert "veth" not in Path("/proc/thread-self/net/if_inet6").read_text()


def test_given_sysctls_are_written_in_the_namespace(lab, route):
    netns = lab.netns()
    attach_interface(route, netns, document(sysctls={"net.ipv4.conf.eth0.arp_ignore": "1"}))
    assert lab.sysctl(netns, "net/ipv4/conf/eth0/arp_ignore") == "1"


def test_n07_a_stolen_mac_and_address_get_no_traffic_of_the_host(lab, route):
    victim, thief = lab.netns(), lab.netns()
    attach_interface(route, victim, document(2))
    attach_interface(route, thief, document(3))
    with lab.inside(thief):
        packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
        packets.bind(("eth0", 0))
    mac, stolen = bytes.fromhex("0242ac110002"), socket.inet_aton("172.17.0.2")
    gateway = socket.inet_aton("172.17.0.1")
    with packets:
        for claimed in (mac, bytes.fromhex("0242ac110003")):
            arp = b"\0\1\x08\0\6\4\0\2" + claimed + stolen + bytes.fromhex("0242ac110001") + gateway
            packets.send(bytes.fromhex("0242ac110001") + mac + b"\x08\x06" + arp)
    listener = lab.listen(victim, 80)
    assert lab.reach(lab.host, "172.17.0.2", 80, listener) == "172.17.0.1"


def test_the_same_document_again_replaces_what_a_former_life_has_left(lab, route):
    former, netns = lab.netns(), lab.netns()
    attach_interface(route, former, document())
    attach_interface(route, netns, document())
    assert lab.reach(lab.host, "172.17.0.2", 80, lab.listen(netns, 80)) == "172.17.0.1"
    assert [link.name for link in look(former)[0]] == ["lo"]


def test_an_address_reused_with_another_mac_is_reached_at_once(lab, route):
    former, netns = lab.netns(), lab.netns()
    attach_interface(route, former, document())
    assert lab.reach(lab.host, "172.17.0.2", 80, lab.listen(former, 80)) == "172.17.0.1"
    detach_interface(route, "veth0000002")
    attach_interface(route, netns, document(host_name="veth0000009", mac="02:42:00:00:00:99"))
    assert lab.reach(lab.host, "172.17.0.2", 80, lab.listen(netns, 80)) == "172.17.0.1"


def test_a_failure_leaves_nothing_and_names_the_step(lab, route):
    netns = lab.netns()
    with pytest.raises(OSError, match=r"unreachable|Invalid argument") as failure:
        attach_interface(route, netns, document(routes=[{"to": "10.0.0.0/8", "via": "0.0.0.0"}]))
    assert "add route 10.0.0.0/8" in failure.value.__notes__[0]
    assert route.link("veth0000002") is None


def test_a_missing_bridge_is_an_oserror(lab, route):
    with pytest.raises(OSError, match="no interface with this name"):
        attach_interface(route, lab.netns(), document(bridge="nowhere"))


def test_detach_is_idempotent(lab, route):
    attach_interface(route, lab.netns(), document())
    detach_interface(route, "veth0000002")
    detach_interface(route, "veth0000002")
    assert route.link("veth0000002") is None


def test_the_interface_dies_with_its_namespace(lab, route):
    netns = lab.netns()
    attach_interface(route, netns, document())
    monitor = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    with monitor:
        monitor.bind((0, 1))  # RTMGRP_LINK
        monitor.settimeout(10)
        netns.close()
        while route.link("veth0000002") is not None:
            monitor.recv(65536)


def test_the_thread_is_back_in_its_namespace(lab, route):
    before = os.readlink("/proc/thread-self/ns/net")
    netns = lab.netns()
    attach_interface(route, netns, document())
    assert os.readlink("/proc/thread-self/ns/net") == before
