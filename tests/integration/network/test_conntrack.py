"""Flows of UDP follow a port to its new container."""

import socket

import pytest

from baleen.linux.conntrack import ConntrackSocket
from baleen.network import PortRequest

pytestmark = pytest.mark.integration

REQUEST = PortRequest(protocol="udp", container_port=53, host_port_first=5353)


def sender(lab):
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.connect(("127.0.0.1", 5353))
    return client


def received(server):
    return server.recvfrom(16)[0]


async def test_a_client_that_goes_on_sending_reaches_the_ports_next_container(lab, world):
    first, one = await world.container(name="one")
    second, two = await world.container(name="two")
    servers = [lab.listen(netns, 53, kind=socket.SOCK_DGRAM) for netns in (one, two)]
    published = await world.manager.publish(first, [REQUEST])
    with sender(lab) as client:
        client.send(b"1")
        assert received(servers[0]) == b"1"
        await world.manager.unpublish(first, published.ports)
        published.sockets[0].close()
        await world.publish(second, REQUEST)
        client.send(b"2")
        assert received(servers[1]) == b"2"


async def test_a_client_that_sent_before_the_port_was_published_reaches_the_container(lab, world):
    endpoint, web = await world.container()
    server = lab.listen(web, 53, kind=socket.SOCK_DGRAM)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other, sender(lab) as client:
        other.bind(("127.0.0.1", 5353))
        client.send(b"to another")
        assert received(other) == b"to another"
        other.close()
        await world.publish(endpoint, REQUEST)
        client.send(b"1")
        assert received(server) == b"1"


async def test_flows_to_other_ports_stay(lab, world):
    endpoint, web = await world.container()
    server = lab.listen(web, 53, kind=socket.SOCK_DGRAM)
    await world.publish(endpoint, REQUEST)
    with sender(lab) as client, ConntrackSocket() as conntrack:
        client.send(b"1")
        received(server)
        conntrack.forget_udp([5354, 53])
        assert len(conntrack._find(5353)) == 1
        conntrack.forget_udp([5353])
        assert conntrack._find(5353) == []
