from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def route(fake, fakes):
    fake.on("POST", "/commit", fakes.Reply({"Id": "sha256:1"}, 201))


def test_everything_is_sent(baleen, fake):
    outcome = baleen(
        *("commit", "-a", "me", "-m", "why", "-c", "CMD a", "-c", "ENV b=c", "c", "r.io/x:1")
    )
    assert (outcome.code, outcome.out) == (0, "sha256:1\n")
    assert fake.last("/commit").query == {
        "container": ["c"],
        "repo": ["r.io/x"],
        "tag": ["1"],
        "author": ["me"],
        "comment": ["why"],
        "changes": ["CMD a", "ENV b=c"],
    }


def test_a_name_is_not_needed_and_has_a_default_tag(baleen, fake):
    baleen("commit", "c")
    assert fake.last("/commit").query == {"container": ["c"]}
    baleen("commit", "c", "r")
    assert fake.last("/commit").query == {"container": ["c"], "repo": ["r"], "tag": ["latest"]}


@pytest.mark.parametrize("flag", ["--no-pause", "--pause=false", "-p=false"])
def test_the_container_need_not_be_paused(baleen, fake, flag):
    baleen("commit", flag, "c")
    assert fake.last("/commit").query == {"container": ["c"], "pause": ["0"]}


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["c", "UP"], "repository name (library/UP) must be lowercase\n"),
        (["c", "r@sha256:" + "1" * 64], "refusing to create a tag with a digest reference\n"),
        (["--pause", "--no-pause", "c"], "--no-pause and --pause cannot be used together\n"),
    ],
)
def test_mistakes_send_nothing(baleen, fake, argv, text):
    outcome = baleen("commit", *argv)
    assert outcome.code == 1
    assert outcome.err.endswith(text)
    assert fake.requests == []
