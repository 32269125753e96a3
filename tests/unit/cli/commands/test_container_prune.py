from __future__ import annotations


def test_what_was_removed_is_printed(baleen, fake, fakes):
    answer = {"ContainersDeleted": ["c1", "c2"], "SpaceReclaimed": 2048}
    fake.on("POST", "/containers/prune", fakes.Reply(answer))
    outcome = baleen("container", "prune", "--filter", "until=1h", stdin=b"Y\n")
    assert outcome.code == 0
    assert outcome.out == (
        "WARNING! This will remove all stopped containers.\n"
        "Are you sure you want to continue? [y/N] "
        "Deleted Containers:\nc1\nc2\n\nTotal reclaimed space: 2.048kB\n"
    )
    assert fake.last("/containers/prune").query == {"filters": ['{"until":["1h"]}']}


def test_nothing_to_remove(baleen, fake, fakes):
    fake.on("POST", "/containers/prune", fakes.Reply({"ContainersDeleted": None}))
    assert baleen("container", "prune", "-f").out == "Total reclaimed space: 0B\n"


def test_a_no_is_no_failure(baleen, fake):
    assert baleen("container", "prune", stdin=b"n\n").code == 0
    assert fake.requests == []
