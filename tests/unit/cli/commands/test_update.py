from __future__ import annotations


def test_only_what_was_given_is_sent(baleen, fake, fakes):
    fake.on("POST", "/containers/c/update", fakes.Reply({"Warnings": ["w"]}))
    outcome = baleen("update", "-m", "1m", "--restart", "always", "c")
    assert (outcome.code, outcome.out, outcome.err) == (0, "c\n", "w\n")
    assert fake.last("/containers/c/update").json() == {
        "Memory": 1 << 20,
        "RestartPolicy": {"Name": "always", "MaximumRetryCount": 0},
    }


def test_nothing_to_update_is_a_mistake(baleen, fake):
    outcome = baleen("update", "c")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == "you must provide one or more flags when using this command\n"
    assert fake.requests == []


def test_a_missing_container_fails(baleen, fake, refusal):
    fake.on("POST", "/containers/x/update", refusal("No such container: x"))
    assert baleen("update", "--pids-limit", "5", "x").code == 1
    assert fake.last("/containers/x/update").json() == {"PidsLimit": 5}
