from __future__ import annotations

import json

from baleen import api


def test_a_create_body_tells_unset_address_families_from_off():
    read = api.decode(api.NetworkCreateBody, b'{"Name":"n","EnableIPv6":false,"IPAM":null}')
    assert (read.enable_ipv4, read.enable_ipv6, read.ipam) == (None, False, None)
    read = api.decode(
        api.NetworkCreateBody,
        b'{"Name":"n","IPAM":{"Config":[{"Subnet":"10.1.0.0/24","AuxiliaryAddresses":null}]}}',
    )
    assert read.ipam.config == [api.IPAMConfig(subnet="10.1.0.0/24")]


def test_a_network_in_a_list_has_no_containers_and_one_alone_has_them():
    assert "Containers" not in json.loads(api.encode(api.Network()))
    assert json.loads(api.encode(api.Network(containers={})))["Containers"] == {}
    assert json.loads(api.encode(api.Network()))["IPAM"]["Options"] is None


def test_a_port_without_binding_is_null():
    settings = api.NetworkSettings(ports={"80/tcp": None})
    assert json.loads(api.encode(settings))["Ports"] == {"80/tcp": None}
