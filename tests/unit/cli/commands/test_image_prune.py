from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def route(fake, fakes):
    answer = {"ImagesDeleted": [{"Untagged": "i:1"}, {"Deleted": "sha"}], "SpaceReclaimed": 5}
    fake.on("POST", "/images/prune", fakes.Reply(answer))


@pytest.mark.parametrize(
    ("argv", "filters"),
    [
        (["-f"], '{"dangling":["true"]}'),
        (["-af"], '{"dangling":["false"]}'),
        (["-f", "--filter", "until=1h"], '{"dangling":["true"],"until":["1h"]}'),
    ],
)
def test_filters_and_report(baleen, fake, argv, filters):
    outcome = baleen("image", "prune", *argv)
    assert outcome.out == (
        "Deleted Images:\nuntagged: i:1\ndeleted: sha\n\nTotal reclaimed space: 5B\n"
    )
    assert fake.last("/images/prune").query == {"filters": [filters]}


def test_the_question_says_what_goes(baleen, fake):
    assert "all dangling images." in baleen("image", "prune", stdin=b"n\n").out
    outcome = baleen("image", "prune", "-a", stdin=b"n\n")
    assert "without at least one container associated to them." in outcome.out
    assert (outcome.code, fake.requests) == (0, [])
