from __future__ import annotations


def test_the_new_name_is_sent(baleen, fake, fakes):
    fake.on("POST", "/containers/a/rename", fakes.Reply(status=204))
    outcome = baleen("rename", "a", "b")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    assert fake.last("/containers/a/rename").query == {"name": ["b"]}


def test_errors_name_the_container(baleen, fake, refusal):
    fake.on("POST", "/containers/a/rename", refusal("No such container: a"))
    outcome = baleen("rename", "a", "b")
    assert outcome.code == 1
    assert outcome.err == (
        "Error response from daemon: No such container: a\n"
        "Error: failed to rename container named a\n"
    )


def test_empty_names_are_refused_here(baleen, fake):
    outcome = baleen("rename", "a", " ")
    assert (outcome.code, outcome.err) == (1, "Error: Neither old nor new names may be empty\n")
    assert fake.requests == []
