from __future__ import annotations

import json

import pytest

PATH = "/baleen/v1/images/a/b:1/tree"
LAYER = {
    "Size": 1500, "Wasted": 300, "CreatedBy": "RUN\tthings", "Added": 1, "Changed": 2,
    "Rewritten": 0, "Removed": 3,
    "Paths": [
        {"Path": "/x", "Kind": "added", "Size": 1000, "Hidden": 0},
        {"Path": "/y", "Kind": "removed", "Size": 0, "Hidden": 300},
    ],
}  # fmt: skip


@pytest.fixture(autouse=True)
def route(fake, fakes):
    found = {
        "Id": "sha256:" + "a" * 64, "Names": ["a/b:1"], "Platform": "linux/amd64",
        "CompressedSize": 700, "Size": 1500, "Wasted": 300, "Layers": [LAYER],
    }  # fmt: skip
    fake.on("GET", PATH, fakes.Reply(found))


def test_layers_and_their_heaviest_paths(baleen):
    assert baleen("image", "tree", "a/b:1").out.splitlines() == [
        "a/b:1  linux/amd64",
        "1 layers, 1.5kB (700B compressed), 300B wasted",
        "",
        "  1     1.5kB  +1  ~2  =0  -3  wasted 300B  RUN things",
        "          1kB  + /x",
        "         300B  - /y",
    ]


def test_options_reach_the_engine(baleen, fake):
    outcome = baleen("image", "tree", "--json", "-a", "--platform", "linux/arm64", "a/b:1")
    assert json.loads(outcome.out)["Names"] == ["a/b:1"]
    query = fake.last(PATH).query
    assert query["all"] == ["1"]
    assert json.loads(query["platform"][0])["architecture"] == "arm64"
