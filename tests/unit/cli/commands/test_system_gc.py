from __future__ import annotations

import json

import pytest

PATH = "/baleen/v1/system/gc"


@pytest.fixture(autouse=True)
def route(fake, fakes):
    found = {
        "DataRoot": "/data", "Free": 1000, "Size": 5000, "Why": "reasons", "Frees": 40,
        "SpaceReclaimed": 39,
        "Remove": [{"Id": "sha256:" + "a" * 64, "Names": [], "Frees": 40, "Why": "old"}],
        "Keep": [{"Id": "sha256:1", "Names": ["b:1"], "Frees": 2, "Why": "used"}],
    }  # fmt: skip
    fake.on("POST", PATH, fakes.Reply(found))


def test_a_dry_run_explains(baleen, fake):
    assert baleen("system", "gc", "--dry-run").out.splitlines() == [
        "/data: 1kB of 5kB free",
        "Policy: reasons",
        "would remove  aaaaaaaaaaaa  (40B): old",
        "keep          b:1  (2B): used",
        "Would free 40B",
    ]
    assert fake.last(PATH).query == {"dry-run": ["1"]}


def test_a_run_with_another_goal(baleen, fake):
    out = baleen("system", "gc", "--keep-free", "5%", "--unused-for", "1d").out
    assert "removed       aaaaaaaaaaaa" in out
    assert out.endswith("Freed 39B\n")
    assert fake.last(PATH).query == {"keep-free": ["5%"], "unused-for": ["1d"]}
    assert json.loads(baleen("system", "gc", "--json").out)["Why"] == "reasons"
