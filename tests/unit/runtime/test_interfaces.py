"""runtime.interfaces: the document is parsed strictly. The rest: tests/integration/network."""

import pytest

from baleen.runtime.interfaces import _parse

GOOD = {
    "kind": "bridge",
    "host_name": "veth1a2b3c4",
    "name": "eth0",
    "bridge": "baleen0",
    "mac": "02:42:ac:11:00:02",
    "addresses": ["172.17.0.2/16"],
    "routes": [{"to": "0.0.0.0/0", "via": "172.17.0.1"}, {"to": "10.0.0.0/8", "via": None}],
    "mtu": 1500,
    "hairpin": True,
    "isolated": False,
    "sysctls": {"net.ipv4.conf.eth0.arp_ignore": "1"},
}


def test_a_document_is_parsed():
    parsed = _parse(GOOD)
    assert parsed.routes == [("0.0.0.0/0", "172.17.0.1"), ("10.0.0.0/8", "")]
    assert parsed.sysctls == {"net/ipv4/conf/eth0/arp_ignore": "1"}
    assert (parsed.hairpin, parsed.isolated) == (True, False)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "macvlan"},
        {"name": ""},
        {"mtu": "1500"},
        {"mtu": True},
        {"addresses": "172.17.0.2/16"},
        {"routes": [["0.0.0.0/0"]]},
        {"routes": [{"via": "172.17.0.1"}]},
        {"sysctls": []},
        {"sysctls": {"kernel.core_pattern": "x"}},
        {"sysctls": {"net/../kernel/core_pattern": "x"}},
    ],
)
def test_a_malformed_document_is_a_value_error(change):
    with pytest.raises(ValueError, match="malformed interface document"):
        _parse(GOOD | change)


def test_a_missing_field_is_named():
    with pytest.raises(ValueError, match="'mac'"):
        _parse({key: value for key, value in GOOD.items() if key != "mac"})
