from __future__ import annotations


def test_a_no_is_no_failure(baleen, fake):
    outcome = baleen("network", "prune", stdin=b"n\n")
    assert outcome.code == 0
    assert outcome.out == (
        "WARNING! This will remove all custom networks not used by at least one container.\n"
        "Are you sure you want to continue? [y/N] "
    )
    assert fake.requests == []


def test_what_was_removed_is_printed(baleen, fake, fakes):
    fake.on("POST", "/networks/prune", fakes.Reply({"NetworksDeleted": ["a", "b"]}))
    outcome = baleen("network", "prune", "-f", "--filter", "until=3h", "--filter", "label=x")
    assert (outcome.code, outcome.out) == (0, "Deleted Networks:\na\nb\n\n")
    assert fake.last("/networks/prune").query == {"filters": ['{"until":["3h"],"label":["x"]}']}
