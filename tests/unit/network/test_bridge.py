"""network.bridge: driver options."""

import pytest

from baleen.errors import InvalidArgument
from baleen.network import bridge
from baleen.network.bridge import (
    bridge_rules,
    gateway_with_prefix,
    parse_options,
)
from baleen.network.network import Network, PoolSpec


def options(**given):
    return parse_options(
        {getattr(bridge, name): value for name, value in given.items()}, mtu=1500, binding="0.0.0.0"
    )


def test_without_options_the_defaults_are_dockers():
    found = options()
    assert (found.icc, found.masquerade, found.binding, found.mtu, found.interface_prefix) == (
        True,
        True,
        "0.0.0.0",
        1500,
        "eth",
    )


@pytest.mark.parametrize("value", ["false", "0", "f", "F", "FALSE", "False"])
def test_false_is_spelled_as_go_does(value):
    assert not options(OPTION_ICC=value).icc
    assert not options(OPTION_MASQUERADE=value).masquerade


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPTION_ICC", "no"),
        ("OPTION_MASQUERADE", ""),
        ("OPTION_MTU", "67"),
        ("OPTION_MTU", "65536"),
        ("OPTION_MTU", "1_500"),
        ("OPTION_MTU", "\u0661500"),
        ("OPTION_NAME", "../x"),
        ("OPTION_NAME", "sixteen-letters-"),
        ("OPTION_NAME", ".."),
        ("OPTION_BINDING", "010.0.0.1"),
        ("OPTION_INTERFACE", "a/b"),
    ],
)
def test_a_value_of_another_form_is_refused(name, value):
    with pytest.raises(InvalidArgument):
        options(**{name: value})


def test_unknown_options_mean_nothing():
    assert parse_options({"com.example.x": "y"}, mtu=1400, binding="127.0.0.1").mtu == 1400


def test_the_firewall_learns_the_bridges_rules():
    network = Network(
        id="a" * 64,
        name="shop",
        driver="bridge",
        created="",
        internal=True,
        pools=(PoolSpec(subnet="10.0.0.0/24", gateway="10.0.0.1"),),
        bridge="br-a",
    )
    rules = bridge_rules(network, options(OPTION_ICC="false"))
    assert (rules.bridge, rules.subnet, rules.icc, rules.internal) == (
        "br-a",
        "10.0.0.0/24",
        False,
        True,
    )
    assert gateway_with_prefix(network) == "10.0.0.1/24"
