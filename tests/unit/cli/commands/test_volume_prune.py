from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def route(fake, fakes):
    fake.on("POST", "/volumes/prune", fakes.Reply({"VolumesDeleted": ["v"], "SpaceReclaimed": 1e6}))


def test_anonymous_volumes_only(baleen, fake):
    outcome = baleen("volume", "prune", stdin=b"y\n")
    assert outcome.code == 0
    assert "remove anonymous local volumes" in outcome.out
    assert outcome.out.endswith("Deleted Volumes:\nv\n\nTotal reclaimed space: 1MB\n")
    assert fake.last("/volumes/prune").query == {}


def test_all_volumes(baleen, fake):
    baleen("volume", "prune", "-af", "--filter", "label=x")
    assert fake.last("/volumes/prune").query == {"filters": ['{"label":["x"],"all":["true"]}']}
    outcome = baleen("volume", "prune", "-af", "--filter", "all=1")
    assert (outcome.code, outcome.err) == (
        1,
        "conflicting options: cannot specify both --all and --filter all=1\n",
    )


def test_old_engines_know_no_such_filter(baleen, fake):
    fake.api_version = "1.41"
    baleen("volume", "prune", "-af")
    assert fake.last("/volumes/prune").query == {}


def test_a_no_is_no_failure(baleen, fake):
    assert baleen("volume", "prune", stdin=b"\n").code == 0
    assert fake.requests == []
