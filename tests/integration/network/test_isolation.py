"""Which containers reach which, and the world: internal, icc, other networks, N01, N07, N11."""

from pathlib import Path

import pytest
from lab import HOST, NEIGHBOUR

from baleen.linux.netns import write_sysctl
from baleen.linux.rtnetlink import RouteSocket, new_address, new_bridge, new_route, set_link
from baleen.network import NetworkSpec, PortRequest

pytestmark = pytest.mark.integration


async def test_containers_reach_the_world_under_the_hosts_address(lab, world):
    neighbour = lab.neighbour()
    _, client = await world.container()
    assert lab.reach(client, NEIGHBOUR, 80, lab.listen(neighbour, 80)) == HOST


async def test_without_masquerade_the_world_sees_the_container(lab, world):
    neighbour = lab.neighbour()
    await world.manager.create(
        NetworkSpec(
            name="plain", options={"com.docker.network.bridge.enable_ip_masquerade": "false"}
        )
    )
    endpoint, client = await world.container("plain")
    assert lab.reach(client, NEIGHBOUR, 80, lab.listen(neighbour, 80)) == endpoint.ipv4


async def test_n07_another_network_is_reached_only_by_what_it_publishes(lab, world):
    lab.neighbour()
    await world.manager.create(NetworkSpec(name="other"))
    endpoint, web = await world.container("bridge")
    _, client = await world.container("other")
    server = lab.listen(web, 80)
    assert lab.is_blocked(client, endpoint.ipv4, 80, server)
    await world.publish(
        endpoint, PortRequest(protocol="tcp", container_port=80, host_port_first=8080)
    )
    assert lab.is_blocked(client, endpoint.ipv4, 80, server)
    assert lab.reach(client, HOST, 8080, server) == endpoint.gateway


async def test_n02_an_internal_network_has_no_way_out_or_in(lab, world):
    neighbour = lab.neighbour()
    network = await world.manager.create(NetworkSpec(name="inner", internal=True))
    endpoint, inner = await world.container("inner")
    _, peer = await world.container("inner", "peer")
    _, outer = await world.container("bridge", "outer")
    outside, inside = lab.listen(neighbour, 80), lab.listen(inner, 80)
    assert endpoint.gateway == ""
    assert lab.reach(peer, endpoint.ipv4, 80, inside) is not None
    with lab.inside(inner), RouteSocket() as route:
        assert [item for item in route.routes() if item.to == "0.0.0.0/0"] == []
        index = next(link.ifindex for link in route.links() if link.name == "eth0")
        route.run(new_route(index, "0.0.0.0/0", network.pools[0].gateway))
    assert lab.is_blocked(inner, NEIGHBOUR, 80, outside)
    assert lab.is_blocked(neighbour, endpoint.ipv4, 80, inside)
    assert lab.is_blocked(outer, endpoint.ipv4, 80, inside)


async def test_an_internal_network_publishes_nothing(lab, world):
    await world.manager.create(NetworkSpec(name="inner", internal=True))
    endpoint, _ = await world.container("inner")
    request = PortRequest(protocol="tcp", container_port=80, host_port_first=8080)
    assert await world.publish(endpoint, request) == ()


async def test_n07_with_icc_off_containers_see_the_world_but_not_each_other(lab, world):
    neighbour = lab.neighbour()
    await world.manager.create(
        NetworkSpec(name="alone", options={"com.docker.network.bridge.enable_icc": "false"})
    )
    first, web = await world.container("alone", "one")
    _, client = await world.container("alone", "two")
    server = lab.listen(web, 80)
    assert lab.is_blocked(client, first.ipv4, 80, server)
    with lab.inside(client), RouteSocket() as route:
        index = next(link.ifindex for link in route.links() if link.name == "eth0")
        route.run(new_route(index, f"{first.ipv4}/32", first.gateway))  # over the router instead
    assert lab.is_blocked(client, first.ipv4, 80, server)
    assert lab.reach(client, NEIGHBOUR, 80, lab.listen(neighbour, 80)) == HOST


def has_ipv6_address(name):
    return name in Path("/proc/thread-self/net/if_inet6").read_text()


async def test_n01_bridges_take_no_router_advertisements_and_speak_no_ipv6(lab, world):
    name = world.config.bridge
    assert lab.sysctl(lab.host, f"net/ipv6/conf/{name}/accept_ra") == "0"
    assert lab.sysctl(lab.host, f"net/ipv6/conf/{name}/disable_ipv6") == "1"
    assert not has_ipv6_address(name)


class Passage:
    """Two machines that the host connects, beside any container."""

    def __init__(self, lab):
        self.lab = lab
        self.near = lab.neighbour()
        self.far = lab.netns()
        lab.attach(
            self.far,
            {
                "kind": "bridge",
                "host_name": "foreign0",
                "name": "eth0",
                "bridge": self._bridge(),
                "mac": "02:42:c6:33:64:02",
                "addresses": ["198.51.100.2/24"],
                "routes": [{"to": "0.0.0.0/0", "via": "198.51.100.1"}],
                "mtu": 1500,
            },
        )
        with lab.inside(self.near), RouteSocket() as route:
            index = next(link.ifindex for link in route.links() if link.name == "eth0")
            route.run(new_route(index, "198.51.100.0/24", HOST))
        self.server = lab.listen(self.far, 80)

    def _bridge(self):
        self.lab.route.run(
            new_bridge("foreign", mac="02:42:c6:33:64:01", mtu=1500), set_link("foreign", up=True)
        )
        index = self.lab.route.link("foreign").ifindex
        self.lab.route.run(new_address(index, "198.51.100.1/24"))
        return "foreign"

    def is_closed(self):
        return self.lab.is_blocked(self.near, "198.51.100.2", 80, self.server)

    def is_open(self):
        return self.lab.reach(self.near, "198.51.100.2", 80, self.server) == NEIGHBOUR


async def test_n11_a_host_that_was_no_router_does_not_become_one(lab, make_world):
    passage = Passage(lab)
    world = make_world()
    await world.start()
    assert lab.sysctl(lab.host, "net/ipv4/ip_forward") == "1"
    assert passage.is_closed()
    await world.restart()
    assert passage.is_closed()
    await world.manager.uninstall()
    assert lab.sysctl(lab.host, "net/ipv4/ip_forward") == "0"


async def test_n11_a_host_that_was_a_router_stays_one(lab, make_world):
    write_sysctl("net/ipv4/ip_forward", "1")
    passage = Passage(lab)
    world = make_world()
    await world.start()
    assert passage.is_open()
    await world.manager.uninstall()
    assert lab.sysctl(lab.host, "net/ipv4/ip_forward") == "1"
    assert passage.is_open()
