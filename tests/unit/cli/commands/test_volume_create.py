from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def route(fake, fakes):
    fake.on("POST", "/volumes/create", fakes.Reply({"Name": "given"}, 201))


def test_everything_is_sent(baleen, fake):
    outcome = baleen(
        *("volume", "create", "-d", "local", "-o", "type=tmpfs", "-o", "o=size=1m,uid=1"),
        *("-o", "bare", "--label", "a=b", "--label", "c", "v"),
    )
    assert (outcome.code, outcome.out) == (0, "given\n")
    assert fake.last("/volumes/create").json() == {
        "Driver": "local",
        "DriverOpts": {"type": "tmpfs", "o": "size=1m,uid=1", "bare": ""},
        "Labels": {"a": "b", "c": ""},
        "Name": "v",
    }


def test_a_name_is_not_needed(baleen, fake):
    assert baleen("volume", "create").out == "given\n"
    assert "Name" not in fake.last("/volumes/create").json()


@pytest.mark.parametrize(
    ("argv", "code", "text"),
    [
        (["--name", "a", "b"], 1, "conflicting options: cannot specify a volume-name through both"),
        (["--label", "=x"], 125, 'invalid argument "=x" for "--label" flag'),
        (["a", "b"], 1, "requires at most 1 argument"),
    ],
)
def test_mistakes(baleen, fake, argv, code, text):
    outcome = baleen("volume", "create", *argv)
    assert outcome.code == code
    assert text in outcome.err
    assert fake.requests == []
