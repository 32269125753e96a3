from __future__ import annotations


def test_each_network_is_removed(baleen, fake, fakes, refusal):
    fake.on("DELETE", "/networks/n", fakes.Reply(status=204))
    fake.on("DELETE", "/networks/x", refusal("network x not found"))
    outcome = baleen("network", "rm", "x", "n")
    assert (outcome.code, outcome.out) == (1, "n\n")
    assert outcome.err == "Error response from daemon: network x not found\n"


def test_force_is_silent_about_what_is_missing_only(baleen, fake, fakes, refusal):
    fake.on("DELETE", "/networks/x", refusal("network x not found"))
    outcome = baleen("network", "rm", "-f", "x")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    fake.on("DELETE", "/networks/x", fakes.Reply({"message": "has active endpoints"}, 403))
    assert baleen("network", "rm", "-f", "x").code == 1
