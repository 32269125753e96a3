from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def network(fake, fakes):
    fake.on("POST", "/networks/n/connect", fakes.Reply())


def test_a_plain_connection(baleen, fake):
    outcome = baleen("network", "connect", "n", "c")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    assert fake.last("/networks/n/connect").json() == {"Container": "c", "EndpointConfig": {}}


def test_every_flag_reaches_its_field(baleen, fake):
    baleen(
        *("network", "connect", "--alias", "a,b", "--alias", "c", "--ip", "10.0.0.5"),
        *("--ip6", "fd00::5", "--link", "x:y", "--link-local-ip", "169.254.1.1"),
        *("--driver-opt", "k=v", "--gw-priority", "-3", "n", "c"),
    )
    assert fake.last("/networks/n/connect").json() == {
        "Container": "c",
        "EndpointConfig": {
            "Aliases": ["a", "b", "c"],
            "IPAMConfig": {
                "IPv4Address": "10.0.0.5",
                "IPv6Address": "fd00::5",
                "LinkLocalIPs": ["169.254.1.1"],
            },
            "Links": ["x:y"],
            "DriverOpts": {"k": "v"},
            "GwPriority": -3,
        },
    }


def test_mistakes(baleen, fake, fakes):
    assert baleen("network", "connect", "--ip", "foo", "n", "c").code == 125
    assert baleen("network", "connect", "--driver-opt", "k", "n", "c").code == 1
    assert fake.requests == []
    fake.on("POST", "/networks/n/connect", fakes.Reply({"message": "endpoint exists"}, 403))
    outcome = baleen("network", "connect", "n", "c")
    assert (outcome.code, outcome.err) == (1, "Error response from daemon: endpoint exists\n")
