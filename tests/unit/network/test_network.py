"""network.network: the values survive JSON and know what they are."""

import msgspec

from baleen.network.network import Endpoint, Network, PoolSpec


def network(name, driver="bridge"):
    return Network(id="a" * 64, name=name, driver=driver, created="2026-01-01T00:00:00Z")


def test_a_network_comes_back_from_json_as_it_was():
    value = msgspec.structs.replace(
        network("shop"), pools=(PoolSpec(subnet="10.0.0.0/8"),), labels={"a": "b"}
    )
    assert msgspec.json.decode(msgspec.json.encode(value), type=Network) == value


def test_an_endpoint_comes_back_from_json_as_it_was():
    value = Endpoint(
        id="e",
        network_id="n",
        network_name="shop",
        driver="bridge",
        container_id="c",
        container_name="web",
        aliases=("www",),
    )
    assert msgspec.json.decode(msgspec.json.encode(value), type=Endpoint) == value


def test_names_are_answered_on_user_networks_only():
    assert network("shop").has_names
    assert not network("bridge").has_names
    assert not network("host", "host").has_names


def test_three_networks_are_predefined():
    assert [network(name).is_predefined for name in ("bridge", "host", "none", "shop")] == [
        True,
        True,
        True,
        False,
    ]
