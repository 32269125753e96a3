from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def registry(fake, fakes):
    body = b'{"status":"Pushed","progressDetail":{},"id":"a"}\r\n{"aux":{"Tag":"1"}}\r\n'
    fake.on("POST", "/images/r.io/i/push", fakes.Reply(body))


def test_messages_are_printed(baleen, fake):
    assert baleen("push", "r.io/i:1").out == "a: Pushed\n"
    request = fake.last("/images/r.io/i/push")
    assert request.query == {"tag": ["1"]}
    assert request.headers["x-registry-auth"] == "e30="
    assert baleen("push", "r.io/i").out == "Using default tag: latest\na: Pushed\n"


def test_all_tags_and_one_platform(baleen, fake):
    baleen("push", "-a", "r.io/i")
    assert fake.last("/images/r.io/i/push").query == {}
    baleen("push", "--platform", "linux/amd64", "r.io/i")
    assert fake.last("/images/r.io/i/push").query == {
        "tag": ["latest"],
        "platform": ['{"os":"linux","architecture":"amd64"}'],
    }


def test_quiet_prints_only_the_name(baleen):
    assert baleen("push", "-q", "r.io/i").out == "r.io/i:latest\n"


def test_errors(baleen, fake, fakes):
    outcome = baleen("push", "-a", "r.io/i:1")
    assert (outcome.code, outcome.err) == (1, "tag can't be used with --all-tags/-a\n")
    fake.on("POST", "/images/r.io/i/push", fakes.Reply({"error": "denied"}))
    outcome = baleen("push", "r.io/i:1")
    assert (outcome.code, outcome.err) == (1, "denied\n")
