from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def processes(fake, fakes):
    answer = {"Titles": ["UID", "PID", "CMD"], "Processes": [["root", "1", "sh -c a"]]}
    fake.on("GET", "/containers/c/top", fakes.Reply(answer))


def test_the_table_is_dockers(baleen):
    outcome = baleen("top", "c")
    assert outcome.code == 0
    assert outcome.out == (
        "UID                 PID                 CMD\n"
        "root                1                   sh -c a\n"
    )


def test_options_are_for_ps(baleen, fake):
    baleen("top", "c", "-o", "pid")
    assert fake.last("/containers/c/top").query == {"ps_args": ["-o pid"]}
    baleen("top", "c")
    assert fake.last("/containers/c/top").query == {}


def test_a_stopped_container_fails(baleen, fake, fakes):
    fake.on("GET", "/containers/c/top", fakes.Reply({"message": "container c is not running"}, 409))
    outcome = baleen("top", "c")
    assert (outcome.code, outcome.err) == (
        1,
        "Error response from daemon: container c is not running\n",
    )
