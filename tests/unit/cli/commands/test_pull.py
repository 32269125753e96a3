from __future__ import annotations

import json

import pytest


@pytest.fixture(autouse=True)
def registry(fake, fakes):
    messages = [
        {"status": "Pulling from library/i", "id": "latest"},
        {"status": "Downloading", "progressDetail": {"current": 1}, "progress": "[>", "id": "a"},
        {"status": "Pull complete", "progressDetail": {}, "id": "a"},
        {"status": "Status: Downloaded newer image for i:latest"},
    ]
    body = b"".join(json.dumps(message).encode() + b"\r\n" for message in messages)
    fake.on("POST", "/images/create", fakes.Reply(body))


def test_messages_and_the_full_name_are_printed(baleen, fake):
    assert baleen("pull", "i").out == (
        "Using default tag: latest\nlatest: Pulling from library/i\na: Pull complete\n"
        "Status: Downloaded newer image for i:latest\ndocker.io/library/i:latest\n"
    )
    assert fake.last("/images/create").query == {"fromImage": ["i"], "tag": ["latest"]}


@pytest.mark.parametrize(
    ("argv", "query", "name"),
    [
        (["a/i:1"], {"fromImage": ["a/i"], "tag": ["1"]}, "docker.io/a/i:1"),
        (["-a", "r.io/i"], {"fromImage": ["r.io/i"]}, "r.io/i"),
        (["i@sha256:1"], {"fromImage": ["i"], "tag": ["sha256:1"]}, "docker.io/library/i@sha256:1"),
        (
            ["--platform", "linux/arm64", "i:1"],
            {"fromImage": ["i"], "tag": ["1"], "platform": ["linux/arm64"]},
            "docker.io/library/i:1",
        ),
    ],
)
def test_quiet_prints_only_the_name(baleen, fake, argv, query, name):
    assert baleen("pull", "-q", *argv).out == f"{name}\n"
    assert fake.last("/images/create").query == query


def test_an_error_in_the_stream_fails(baleen, fake, fakes):
    fake.on("POST", "/images/create", fakes.Reply({"error": "manifest unknown"}))
    outcome = baleen("pull", "i:1")
    assert (outcome.code, outcome.out, outcome.err) == (1, "", "manifest unknown\n")


def test_a_tag_is_not_all_tags(baleen, fake):
    outcome = baleen("pull", "-a", "i:1")
    assert (outcome.code, outcome.err) == (1, "tag can't be used with --all-tags/-a\n")
    assert fake.requests == []
