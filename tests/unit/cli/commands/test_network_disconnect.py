from __future__ import annotations


def test_the_container_is_named(baleen, fake, fakes):
    fake.on("POST", "/networks/n/disconnect", fakes.Reply())
    outcome = baleen("network", "disconnect", "n", "c")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    assert fake.last("/networks/n/disconnect").json() == {"Container": "c", "Force": False}
    baleen("network", "disconnect", "-f", "n", "c")
    assert fake.last("/networks/n/disconnect").json() == {"Container": "c", "Force": True}


def test_a_missing_network_fails(baleen, fake, refusal):
    fake.on("POST", "/networks/x/disconnect", refusal("network x not found"))
    outcome = baleen("network", "disconnect", "x", "c")
    assert (outcome.code, outcome.err) == (1, "Error response from daemon: network x not found\n")
