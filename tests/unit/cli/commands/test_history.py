from __future__ import annotations

import time

import pytest


@pytest.fixture(autouse=True)
def image(fake, fakes):
    steps = [
        {
            "Id": "sha256:" + "2" * 64,
            "Created": int(time.time()) - 3 * 3600,
            "CreatedBy": "/bin/sh -c #(nop)\tCMD and a long line that is cut in the table",
            "Size": 0,
            "Comment": "buildkit",
        },
        {"Id": "<missing>", "Created": 1700000000, "CreatedBy": "ADD", "Size": 4261550},
    ]
    fake.on("GET", "/images/r.io/i/history", fakes.Reply(steps))


def test_the_table_is_dockers(baleen):
    lines = baleen("history", "r.io/i").out.splitlines()
    assert lines[0].split() == ["IMAGE", "CREATED", "CREATED", "BY", "SIZE", "COMMENT"]
    assert lines[1] == (
        "222222222222   3 hours ago   "
        "/bin/sh -c #(nop) CMD and a long line that i\u2026   0B        buildkit"
    )
    assert lines[2].startswith("<missing>      ")
    assert "4.26MB" in lines[2]


def test_exact_values(baleen):
    lines = baleen("history", "-H=false", "--no-trunc", "r.io/i").out.splitlines()
    assert "CREATED AT" in lines[0]
    assert "cut in the table" in lines[1]
    assert "2023-11-14T22:13:20Z" in lines[2]
    assert "4261550" in lines[2]


def test_ids_formats_and_platform(baleen, fake):
    assert baleen("history", "-q", "r.io/i").out == "222222222222\n<missing>\n"
    assert baleen("history", "--format", "{{.Comment}}|{{.Size}}", "r.io/i").out == (
        "buildkit|0B\n|4.26MB\n"
    )
    baleen("history", "--platform", "linux/amd64", "r.io/i")
    assert fake.last("/images/r.io/i/history").query == {
        "platform": ['{"os":"linux","architecture":"amd64"}']
    }


def test_a_missing_image_fails(baleen, fake, refusal):
    fake.on("GET", "/images/x/history", refusal("No such image: x:latest"))
    outcome = baleen("history", "x")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == "Error response from daemon: No such image: x:latest\n"
