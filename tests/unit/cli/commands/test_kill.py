from __future__ import annotations


def test_the_signal_reaches_the_request(baleen, fake, fakes):
    fake.on("POST", "/containers/c/kill", fakes.Reply(status=204))
    outcome = baleen("kill", "-s", "HUP", "c")
    assert (outcome.code, outcome.out, outcome.err) == (0, "c\n", "")
    assert fake.last("/containers/c/kill").query == {"signal": ["HUP"]}
    baleen("kill", "c")
    assert fake.last("/containers/c/kill").query == {}


def test_a_refusal_fails_and_the_rest_is_done(baleen, fake, fakes):
    fake.on("POST", "/containers/a/kill", fakes.Reply({"message": "a is not running"}, 409))
    fake.on("POST", "/containers/c/kill", fakes.Reply(status=204))
    outcome = baleen("kill", "a", "c")
    assert (outcome.code, outcome.out) == (1, "c\n")
    assert outcome.err == "Error response from daemon: a is not running\n"
