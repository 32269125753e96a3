"""network.firewall: keys of the maps. What the rules do is in tests/integration/network."""

from baleen.linux.nftables import ipv4, port, protocol
from baleen.network.firewall import _map_of, _published_key
from baleen.network.network import PublishedPort


def published(host_ip):
    return PublishedPort(protocol="tcp", container_port=80, host_ip=host_ip, host_port=8080)


def test_a_port_on_every_address_has_a_key_without_address():
    key = _published_key(published("0.0.0.0"))
    assert key == (protocol("tcp"), port(8080))
    assert _map_of(key) == "published_everywhere"


def test_a_port_on_one_address_has_the_address_in_its_key():
    key = _published_key(published("127.0.0.1"))
    assert key == (ipv4("127.0.0.1"), protocol("tcp"), port(8080))
    assert _map_of(key) == "published"
