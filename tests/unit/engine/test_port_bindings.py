"""Port bindings of a request become requests for host ports, strictly."""

from __future__ import annotations

import pytest

from baleen.api import ContainerConfig, Empty, HostConfig, PortBinding
from baleen.engine.port_bindings import parse_port, port_map, port_requests
from baleen.errors import InvalidArgument
from baleen.network.network import PublishedPort


def test_bindings_keep_address_and_range():
    (request,) = port_requests(
        ContainerConfig(),
        HostConfig(
            port_bindings={"80/tcp": [PortBinding(host_ip="127.0.0.1", host_port="8000-8010")]}
        ),
    )
    assert (request.container_port, request.protocol, request.host_ip) == (80, "tcp", "127.0.0.1")
    assert (request.host_port_first, request.host_port_last) == (8000, 8010)


def test_publish_all_takes_what_is_exposed_and_not_bound():
    config = ContainerConfig(exposed_ports={"80/tcp": Empty(), "53/udp": Empty()})
    wanted = HostConfig(
        publish_all_ports=True,
        port_bindings={"80/tcp": [PortBinding(host_port="8080")]},
    )
    got = [(r.container_port, r.protocol, r.host_port_first) for r in port_requests(config, wanted)]
    assert got == [(53, "udp", 0), (80, "tcp", 8080)]


@pytest.mark.parametrize(
    "text", ["", "0", "65536", "80/icmp", "1_0", " 80", "٨٠", "80/tcp/x", "-1", "080808"]
)
def test_a_malformed_port_is_refused(text):
    with pytest.raises(InvalidArgument):
        parse_port(text)


@pytest.mark.parametrize("text", ["80-70", "65536", "a", "1-2-3", "+80"])
def test_a_malformed_host_port_is_refused(text):
    bindings = HostConfig(port_bindings={"80/tcp": [PortBinding(host_port=text)]})
    with pytest.raises(InvalidArgument):
        port_requests(ContainerConfig(), bindings)


def test_a_malformed_host_address_is_refused():
    bindings = HostConfig(port_bindings={"80/tcp": [PortBinding(host_ip="010.0.0.1")]})
    with pytest.raises(InvalidArgument):
        port_requests(ContainerConfig(), bindings)


def test_the_port_map_shows_bindings_and_null_for_exposed_ports():
    config = ContainerConfig(exposed_ports={"80/tcp": Empty(), "443/tcp": Empty()})
    published = [
        PublishedPort(protocol="tcp", container_port=80, host_ip="0.0.0.0", host_port=8080),
        PublishedPort(protocol="udp", container_port=53, host_ip="0.0.0.0", host_port=5353),
    ]
    ports = port_map(config, published)
    assert ports["443/tcp"] is None
    assert ports["80/tcp"] == [PortBinding(host_ip="0.0.0.0", host_port="8080")]
    assert ports["53/udp"] == [PortBinding(host_ip="0.0.0.0", host_port="5353")]
