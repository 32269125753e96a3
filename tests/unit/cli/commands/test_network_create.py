from __future__ import annotations

import pytest


def test_addresses_go_to_their_subnet(baleen, fake, fakes):
    fake.on("POST", "/networks/create", fakes.Reply({"Id": "n1", "Warning": "w"}, 201))
    outcome = baleen(
        *("network", "create", "--subnet", "10.1.0.0/16,10.2.0.0/16", "--gateway", "10.2.0.1"),
        *("--ip-range", "10.1.5.0/24", "--aux-address", "r=10.1.0.9", "--internal", "--ipv6"),
        *("-o", "a=b", "--label", "k=v", "lab"),
    )
    assert (outcome.code, outcome.out, outcome.err) == (0, "n1\n", "WARNING: w\n")
    body = fake.last("/networks/create").json()
    assert body["IPAM"]["Config"] == [
        {
            "Subnet": "10.1.0.0/16",
            "IPRange": "10.1.5.0/24",
            "AuxiliaryAddresses": {"r": "10.1.0.9"},
        },
        {"Subnet": "10.2.0.0/16", "Gateway": "10.2.0.1"},
    ]
    assert (body["Internal"], body["EnableIPv6"], body["Driver"]) == (True, True, "bridge")
    assert (body["Options"], body["Labels"]) == ({"a": "b"}, {"k": "v"})


@pytest.mark.parametrize(
    "argv",
    [
        ["--subnet", "x"],
        ["--subnet", "10.0.0.0"],
        ["--subnet", "010.0.0.0/8"],
        ["--gateway", "10.0.0.1"],
        ["--subnet", "10.0.0.0/8", "--gateway", "11.0.0.1"],
        ["--subnet", "10.0.0.0/8", "--gateway", "10.0.0.1", "--gateway", "10.0.0.2"],
        ["--subnet", "10.0.0.0/8", "--subnet", "10.1.0.0/16"],
    ],
)
def test_addresses_that_do_not_fit(baleen, fake, argv):
    assert baleen("network", "create", *argv, "lab").code == 1
    assert all(request.path != "/networks/create" for request in fake.requests)
