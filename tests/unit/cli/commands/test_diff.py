from __future__ import annotations


def test_kinds_are_letters(baleen, fake, fakes):
    changes = [{"Path": "/a", "Kind": 0}, {"Path": "/a/b", "Kind": 1}, {"Path": "/z", "Kind": 2}]
    fake.on("GET", "/containers/c/changes", fakes.Reply(changes))
    outcome = baleen("diff", "c")
    assert (outcome.code, outcome.out) == (0, "C /a\nA /a/b\nD /z\n")


def test_no_change_prints_nothing(baleen, fake, fakes):
    fake.on("GET", "/containers/c/changes", fakes.Reply(b"null"))
    outcome = baleen("diff", "c")
    assert (outcome.code, outcome.out) == (0, "")


def test_a_missing_container_fails(baleen, fake, refusal):
    fake.on("GET", "/containers/x/changes", refusal("No such container: x"))
    outcome = baleen("diff", "x")
    assert (outcome.code, outcome.err) == (1, "Error response from daemon: No such container: x\n")
