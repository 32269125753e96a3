"""network.manager: what needs no kernel. The rest is in tests/integration/network."""

import pytest

from baleen.errors import NotFound
from baleen.network.config import NetworkConfig
from baleen.network.manager import NetworkManager
from baleen.network.network import Endpoint, PortRequest
from baleen.state.database import Database


@pytest.fixture
def manager(tmp_path):
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.53\nsearch example.com\n")
    (tmp_path / "resolved.conf").write_text("nameserver 192.0.2.53\n")
    (tmp_path / "hosts").write_text("127.0.0.1 the-host\n")
    config = NetworkConfig(
        exec_root=tmp_path,
        resolv_conf=tmp_path / "resolv.conf",
        resolved_conf=tmp_path / "resolved.conf",
        hosts=tmp_path / "hosts",
    )
    return NetworkManager(config, Database(tmp_path / "state.db"))


def endpoint(network_name="bridge", **fields):
    given = {
        "id": "e",
        "network_id": "n",
        "network_name": network_name,
        "driver": "bridge",
        "container_id": "c",
        "container_name": "web",
        "gateway": "172.17.0.1",
    }
    return Endpoint(**(given | fields))


def test_before_the_start_nothing_is_found(manager):
    with pytest.raises(NotFound, match="network shop not found"):
        manager.resolve("shop")
    assert manager.networks() == []


def test_the_gateway_is_the_first_by_name(manager):
    first, second = endpoint("alpha"), endpoint("beta")
    assert manager.gateway_endpoint([second, first]) is first


def test_a_higher_priority_beats_the_name(manager):
    second = endpoint("beta", gw_priority=1)
    assert manager.gateway_endpoint([endpoint("alpha"), second]) is second


def test_internal_networks_give_no_gateway(manager):
    assert manager.gateway_endpoint([endpoint(gateway="", internal=True)]) is None


def test_the_host_network_has_no_interface_and_publishes_nothing(manager):
    assert manager.interface(endpoint("host", driver="host"), 0, gateway=True) is None


async def test_nothing_is_published_without_a_way_out(manager):
    request = PortRequest(protocol="tcp", container_port=80)
    published = await manager.publish(endpoint("host", driver="host", gateway=""), [request])
    assert (published.ports, published.sockets) == ((), ())
