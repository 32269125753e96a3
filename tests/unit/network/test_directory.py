"""network.directory: look-ups and decisions."""

from ipaddress import IPv4Network
from itertools import count
from pathlib import Path

import pytest

from baleen import errors
from baleen.errors import AlreadyExists, InvalidArgument, NotFound, PermissionDenied
from baleen.network.config import NetworkConfig
from baleen.network.directory import NetworkDirectory
from baleen.network.network import NetworkSpec, PoolSpec


@pytest.fixture
def directory():
    return make_directory()


def make_directory(**settings):
    numbers = count(0xA000)
    return NetworkDirectory(
        NetworkConfig(exec_root=Path("/nowhere"), **settings),
        now=lambda: "2026-01-01T00:00:00Z",
        new_id=lambda: f"{next(numbers):x}".ljust(64, "0"),
    )


def decide(directory, name="shop", *, host=(), existing=(), **fields):
    return directory.decide(
        NetworkSpec(name=name, **fields),
        host_networks=[IPv4Network(item) for item in host],
        bridge_exists=lambda bridge: bridge in existing,
    )


def test_a_network_is_found_by_id_name_and_prefix(directory):
    network = decide(directory)
    directory.add(network)
    assert directory.resolve(network.id) is network
    assert directory.resolve("shop") is network
    assert directory.resolve("a0") is network


def test_a_name_that_looks_like_an_id_prefix_wins_over_the_prefix(directory):
    directory.add(decide(directory))
    named = decide(directory, "a000")
    directory.add(named)
    assert directory.resolve("a000") is named


def test_an_ambiguous_prefix_is_an_error(directory):
    directory.add(decide(directory))
    directory.add(decide(directory, "other"))
    with pytest.raises(InvalidArgument, match="is ambiguous"):
        directory.resolve("a00")


@pytest.mark.parametrize("reference", ["", "xyz"])
def test_what_is_not_there_is_not_found(directory, reference):
    directory.add(decide(directory))
    with pytest.raises(NotFound) as failure:
        directory.resolve(reference)
    assert str(failure.value) == f"network {reference} not found"


def test_subnets_do_not_meet_each_other_nor_the_hosts(directory):
    first = decide(directory, host=["172.17.0.0/24", "172.18.0.9/32"])
    directory.add(first)
    second = decide(directory, "other", host=["172.17.0.0/24", "172.18.0.9/32"])
    assert first.pools[0].subnet == "172.19.0.0/16"
    assert second.pools[0].subnet == "172.20.0.0/16"


def test_a_subnet_that_the_user_names_may_be_the_hosts_but_not_another_networks(directory):
    pools = (PoolSpec(subnet="10.0.0.0/8"),)
    network = decide(directory, pools=pools, host=["10.0.0.0/8"])
    directory.add(network)
    assert network.user_pools
    assert network.pools[0].gateway == "10.0.0.1"
    with pytest.raises(
        PermissionDenied, match="Pool overlaps with other one on this address space"
    ):
        decide(directory, "other", pools=(PoolSpec(subnet="10.3.0.0/16"),))


def test_a_range_must_lie_in_the_subnet_that_is_chosen():
    with pytest.raises(InvalidArgument, match="ip-range"):
        decide(make_directory(), pools=(PoolSpec(ip_range="10.0.0.0/24"),))


def test_the_bridge_is_named_after_the_id_unless_the_user_names_it(directory):
    assert decide(directory).bridge == "br-a00000000000"
    named = decide(directory, options={"com.docker.network.bridge.name": "mine"}, existing=["mine"])
    assert (named.bridge, named.owns_bridge) == ("mine", False)


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"name": ""}, InvalidArgument, "name is empty"),
        ({"name": "../x"}, InvalidArgument, "invalid network name"),
        ({"name": "a" * 300}, InvalidArgument, "invalid network name"),
        ({"name": "x\n"}, InvalidArgument, "invalid network name"),
        ({"name": "host"}, PermissionDenied, "operation is not permitted on predefined host"),
        ({"driver": "host"}, PermissionDenied, 'only one instance of "host" network'),
        ({"driver": "weave"}, NotFound, 'plugin "weave" not found'),
        ({"ipam_driver": "x"}, NotFound, 'plugin "x" not found'),
        ({"enable_ipv6": True}, errors.NotImplemented, "IPv6"),
        ({"pools": (PoolSpec(), PoolSpec())}, InvalidArgument, "more than one"),
        ({"pools": (PoolSpec(subnet="10.0.0.1/8"),)}, InvalidArgument, "it should be"),
        ({"options": {"com.docker.network.driver.mtu": "x"}}, InvalidArgument, "invalid MTU"),
    ],
)
def test_what_cannot_be_made_is_refused(directory, fields, error, message):
    with pytest.raises(error, match=message):
        decide(directory, **fields)


def test_a_name_exists_once(directory):
    directory.add(decide(directory))
    with pytest.raises(AlreadyExists, match=r"^network with name shop already exists$"):
        decide(directory)


def test_a_new_daemon_has_three_networks(directory):
    made = directory.decide_predefined([])
    assert [(network.name, network.driver) for network in made] == [
        ("bridge", "bridge"),
        ("host", "host"),
        ("none", "null"),
    ]
    assert made[0].pools[0].gateway == "172.17.0.1"


def test_predefined_networks_that_are_right_are_not_made_again(directory):
    for network in directory.decide_predefined([]):
        directory.add(network)
    assert directory.decide_predefined([]) == []


def test_another_bip_changes_the_default_bridge_and_keeps_its_id():
    directory = make_directory(bip="10.5.0.1/24")
    other = make_directory()
    for network in other.decide_predefined([]):
        directory.add(network)
    [changed] = directory.decide_predefined([])
    assert changed.id == directory.resolve("bridge").id
    assert (changed.pools[0].subnet, changed.pools[0].gateway) == ("10.5.0.0/24", "10.5.0.1")


def test_default_names_the_bridge(directory):
    for network in directory.decide_predefined([]):
        directory.add(network)
    assert directory.resolve("default").name == "bridge"


def test_a_forgotten_network_is_gone(directory):
    network = decide(directory)
    directory.add(network)
    directory.forget(network.id)
    assert directory.all() == []
    assert directory.get(network.id) is None
    assert directory.pool(network.id) is None
