"""Who reaches what through published ports, and under which address: N05, N10."""

import asyncio
import socket

import pytest
from lab import HOST, NEIGHBOUR

from baleen.errors import Internal
from baleen.linux.netns import write_sysctl
from baleen.linux.nftables import NftSocket, Table
from baleen.linux.rtnetlink import RouteSocket, del_address, new_route
from baleen.network import PortRequest

pytestmark = pytest.mark.integration


def tcp(port, host_ip="", container_port=80):
    return PortRequest(
        protocol="tcp", container_port=container_port, host_ip=host_ip, host_port_first=port
    )


async def test_a_published_port_leads_in_from_everywhere(lab, world):
    neighbour = lab.neighbour()
    endpoint, web = await world.container()
    other, client = await world.container(name="client")
    server = lab.listen(web, 80)
    await world.publish(endpoint, tcp(8080))
    gateway = endpoint.gateway
    # From outside the real source is seen; otherwise the bridge's address, never 127.0.0.1 (N10).
    assert lab.reach(neighbour, HOST, 8080, server) == NEIGHBOUR
    assert lab.reach(lab.host, "127.0.0.1", 8080, server) == gateway
    assert lab.reach(lab.host, "127.1.2.3", 8080, server) == gateway
    assert lab.reach(lab.host, HOST, 8080, server) == HOST
    assert lab.reach(client, gateway, 8080, server) == gateway
    assert lab.reach(client, HOST, 8080, server) == gateway
    assert lab.reach(web, gateway, 8080, server) == gateway
    assert lab.reach(client, endpoint.ipv4, 80, server) == other.ipv4


async def test_udp_answers_come_from_the_published_port(lab, world):
    neighbour = lab.neighbour()
    endpoint, web = await world.container()
    server = lab.listen(web, 53, kind=socket.SOCK_DGRAM)
    request = PortRequest(protocol="udp", container_port=53, host_port_first=5353)
    await world.publish(endpoint, request)
    assert lab.reach_udp(neighbour, HOST, 5353, server) == NEIGHBOUR
    assert lab.reach_udp(lab.host, "127.0.0.1", 5353, server) == endpoint.gateway


async def test_n05_container_ports_are_not_reached_by_a_route_through_the_host(lab, world):
    neighbour = lab.neighbour()
    endpoint, web = await world.container()
    published, unpublished = lab.listen(web, 80), lab.listen(web, 81)
    await world.publish(endpoint, tcp(8080))
    assert lab.is_blocked(neighbour, endpoint.ipv4, 81, unpublished)
    assert lab.is_blocked(neighbour, endpoint.ipv4, 80, published)
    assert lab.reach(lab.host, endpoint.ipv4, 81, unpublished) == endpoint.gateway


async def test_n05_a_port_on_127_0_0_1_is_for_the_host_alone(lab, world):
    neighbour = lab.neighbour()
    endpoint, web = await world.container()
    _, client = await world.container(name="client")
    server = lab.listen(web, 80)
    await world.publish(endpoint, tcp(8080, "127.0.0.1"))
    assert lab.reach(lab.host, "127.0.0.1", 8080, server) == endpoint.gateway
    assert lab.is_blocked(neighbour, HOST, 8080, server)
    for attacker, interface, gateway in (
        (neighbour, "eth0", HOST),
        (client, "eth0", endpoint.gateway),
    ):
        # Its own loopback is out of the way, so packets for 127.0.0.1 go out on the link.
        with lab.inside(attacker), RouteSocket() as route:
            write_sysctl("net/ipv4/conf/all/route_localnet", "1")
            index = socket.if_nametoindex(interface)
            route.run(new_route(index, "127.0.0.1/32", gateway))
        with lab.inside(attacker):
            _drop_local_route()
        assert lab.is_blocked(attacker, "127.0.0.1", 8080, server)


def _drop_local_route():
    """`ip route del local 127.0.0.1 table local`, by taking the address off."""
    with RouteSocket() as route:
        route.run(del_address(1, "127.0.0.1/8"))


async def test_a_port_on_one_address_is_reached_there_only(lab, world):
    neighbour = lab.neighbour()
    endpoint, web = await world.container()
    server = lab.listen(web, 80)
    await world.publish(endpoint, tcp(8080, HOST))
    assert lab.reach(neighbour, HOST, 8080, server) == NEIGHBOUR
    assert lab.is_blocked(lab.host, "127.0.0.1", 8080, server)
    assert lab.is_blocked(lab.host, endpoint.gateway, 8080, server)


async def test_an_unpublished_port_is_closed_again(lab, world):
    neighbour = lab.neighbour()
    endpoint, web = await world.container()
    server = lab.listen(web, 80)
    ports = await world.publish(endpoint, tcp(8080), tcp(8081))
    await world.manager.unpublish(endpoint, ports[:1])
    await world.manager.unpublish(endpoint, ports[:1])
    assert lab.is_blocked(neighbour, HOST, 8080, server)
    assert lab.reach(neighbour, HOST, 8081, server) == NEIGHBOUR


async def test_ports_of_two_containers_do_not_mix(lab, world):
    first, web1 = await world.container(name="one")
    second, web2 = await world.container(name="two")
    lab.listen(web1, 80)
    server = lab.listen(web2, 80)
    await world.publish(first, tcp(8081))
    ports = await world.publish(second, tcp(8082))
    await world.manager.unpublish(first, ports)  # not first's: stays
    assert lab.reach(lab.host, "127.0.0.1", 8082, server) == second.gateway


async def test_a_taken_port_is_refused_and_nothing_changes(lab, world):
    endpoint, web = await world.container()
    other, _ = await world.container(name="other")
    server = lab.listen(web, 80)
    await world.publish(endpoint, tcp(8080))
    with pytest.raises(Internal, match="port is already allocated"):
        await world.publish(other, tcp(8081), tcp(8080))
    assert lab.reach(lab.host, "127.0.0.1", 8080, server) == endpoint.gateway
    assert lab.is_blocked(lab.host, "127.0.0.1", 8081, server)
    await world.publish(other, tcp(8081))


async def test_the_host_port_stays_free_of_other_programs(lab, world):
    endpoint, _ = await world.container()
    await world.publish(endpoint, tcp(8080))
    with socket.socket() as program:
        program.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError, match="in use"):
            program.bind(("0.0.0.0", 8080))


async def test_a_network_can_bind_to_another_address_by_default(lab, make_world):
    lab.neighbour()
    world = make_world(default_binding="127.0.0.1")
    await world.start()
    endpoint, _ = await world.container()
    [port] = await world.publish(endpoint, tcp(8080))
    assert port.host_ip == "127.0.0.1"


async def test_deleted_rules_come_back_with_the_next_change(lab, world):
    endpoint, web = await world.container()
    server = lab.listen(web, 80)
    await world.publish(endpoint, tcp(8080))
    with NftSocket() as nft:
        nft.commit(Table(world.config.table).delete())
    assert lab.is_blocked(lab.host, "127.0.0.1", 8080, server)
    await world.publish(endpoint, tcp(8081))
    assert lab.reach(lab.host, "127.0.0.1", 8080, server) == endpoint.gateway
    assert lab.reach(lab.host, "127.0.0.1", 8081, server) == endpoint.gateway


async def test_n10_localhost6_leads_in_when_asked_for_from_the_gateway(lab, make_world):
    world = make_world(localhost6=True)
    await world.start()
    endpoint, web = await world.container()
    server = lab.listen(web, 80)
    [port] = await world.publish(endpoint, tcp(8080))
    _, writer = await asyncio.open_connection("::1", 8080)
    accepted, (source, _) = server.accept()
    accepted.close()
    writer.close()
    assert source == endpoint.gateway
    await world.manager.unpublish(endpoint, [port])
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("::1", 8080)
