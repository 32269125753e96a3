from __future__ import annotations


def test_each_volume_is_removed(baleen, fake, fakes, refusal):
    fake.on("DELETE", "/volumes/v", fakes.Reply(status=204))
    fake.on("DELETE", "/volumes/x", refusal("get x: no such volume"))
    outcome = baleen("volume", "rm", "x", "v")
    assert (outcome.code, outcome.out) == (1, "v\n")
    assert outcome.err == "Error response from daemon: get x: no such volume\n"
    assert fake.last("/volumes/v").query == {}


def test_force_is_the_engines_affair(baleen, fake, fakes):
    fake.on("DELETE", "/volumes/v", fakes.Reply(status=204))
    assert baleen("volume", "rm", "-f", "v").out == "v\n"
    assert fake.last("/volumes/v").query == {"force": ["1"]}
