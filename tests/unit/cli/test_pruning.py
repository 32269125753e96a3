from __future__ import annotations

import io

import pytest

from baleen.cli.flags import Flags
from baleen.cli.listing import FORCE
from baleen.cli.pruning import confirm, prune_images, prune_networks


@pytest.mark.parametrize(
    ("answer", "yes"),
    [
        ("y\n", True),
        ("YES\n", True),
        (" y \n", True),
        ("n\n", False),
        ("", False),
        ("yep\n", False),
    ],
)
def test_only_a_yes_is_a_yes(monkeypatch, capfd, answer, yes):
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    assert confirm(Flags([FORCE]), "This is it.") is yes
    assert capfd.readouterr().out == (
        "WARNING! This is it.\nAre you sure you want to continue? [y/N] "
    )


def test_force_asks_nothing(capfd):
    flags = Flags([FORCE])
    flags.put(FORCE, "true")
    assert confirm(flags, "x")
    assert capfd.readouterr().out == ""


class Session:
    def __init__(self, answer):
        self.client, self.answer, self.lines = self, answer, []

    def post(self, _path, **_query):
        return self.answer

    def out(self, text):
        self.lines.append(text)


def test_nothing_removed_prints_nothing():
    for answer in (None, {}, {"NetworksDeleted": None}):
        session = Session(answer)
        prune_networks(session, [])
        assert session.lines == []


def test_images_are_reported_as_docker_does():
    session = Session(
        {"ImagesDeleted": [{"Untagged": "a:1"}, {"Deleted": "sha"}], "SpaceReclaimed": 7}
    )
    assert prune_images(session, [], everything=False) == 7
    assert session.lines == ["Deleted Images:", "untagged: a:1", "deleted: sha", ""]
