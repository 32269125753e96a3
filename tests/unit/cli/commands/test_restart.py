from __future__ import annotations


def test_options_reach_the_request(baleen, fake, fakes):
    fake.on("POST", "/containers/c/restart", fakes.Reply(status=204))
    outcome = baleen("restart", "-t", "0", "--signal", "TERM", "c")
    assert (outcome.code, outcome.out, outcome.err) == (0, "c\n", "")
    assert fake.last("/containers/c/restart").query == {"t": ["0"], "signal": ["TERM"]}


def test_a_missing_container_fails(baleen, fake, refusal):
    fake.on("POST", "/containers/x/restart", refusal("No such container: x"))
    outcome = baleen("restart", "x")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == "Error response from daemon: No such container: x\n"
