from __future__ import annotations

import pytest

from baleen.api import (
    ContainerConfig,
    EndpointIPAMConfig,
    EndpointSettings,
    HostConfig,
)
from baleen.containers.record import ContainerRecord
from baleen.engine.endpoint_checks import check_connect, check_endpoint
from baleen.errors import InvalidArgument
from baleen.network.network import Network, PoolSpec


def network(name: str = "own", subnet: str = "10.5.0.0/24", **changes) -> Network:
    base = {
        "id": "n" * 64,
        "name": name,
        "driver": "bridge",
        "created": "2027-01-15T08:00:00Z",
        "user_pools": True,
        "pools": (PoolSpec(subnet=subnet, gateway="10.5.0.1"),),
    }
    return Network(**(base | changes))


def record(mode: str, *networks: str) -> ContainerRecord:
    return ContainerRecord(
        id="c" * 64,
        name="cc",
        created="2027-01-15T08:00:00Z",
        path="sh",
        image_id="i",
        config=ContainerConfig(),
        host_config=HostConfig(network_mode=mode),
        endpoints={name: EndpointSettings() for name in networks},
    )


@pytest.mark.parametrize(
    ("mode", "has", "wanted", "message"),
    [
        ("bridge", ["bridge"], "host", "connected to host network"),
        ("host", ["host"], "own", "connected to host network"),
        ("none", ["none"], "own", "private .none. mode"),
        ("bridge", ["bridge"], "none", "private .none. mode"),
        ("container:x", [], "own", "sharing network namespace"),
    ],
)
def test_networks_that_stand_alone(mode, has, wanted, message):
    with pytest.raises(InvalidArgument, match=message):
        check_connect(record(mode, *has), network(wanted))


@pytest.mark.parametrize("has", [[], ["bridge"], ["own"], ["bridge", "other"]])
def test_bridges_stand_beside_each_other(has):
    check_connect(record("bridge", *has), network())


def wants(address: str) -> EndpointSettings:
    return EndpointSettings(ipam_config=EndpointIPAMConfig(ipv4_address=address))


@pytest.mark.parametrize("address", ["10.5.1.1", "fe80::1", "10.5.0.300", "x"])
def test_an_address_that_the_network_cannot_give(address):
    with pytest.raises(InvalidArgument, match="invalid endpoint settings:\n"):
        check_endpoint(network(), wants(address))


def test_an_address_of_the_network():
    check_endpoint(network(), wants("10.5.0.9"))
    with pytest.raises(InvalidArgument, match="user configured subnets"):
        check_endpoint(network(user_pools=False), wants("10.5.0.9"))
