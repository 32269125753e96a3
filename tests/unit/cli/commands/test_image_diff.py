from __future__ import annotations

import json

PATH = "/baleen/v1/images/a:1/diff"


def path(kind, name, before, after):
    return {"Path": name, "Kind": kind, "SizeBefore": before, "SizeAfter": after}


def test_files_and_configuration(baleen, fake, fakes):
    found = {
        "From": {"Id": "sha256:" + "a" * 64, "Names": ["a:1"], "OwnLayers": [{}]},
        "To": {"Id": "sha256:" + "b" * 64, "Names": [], "OwnLayers": [{}, {}]},
        "CommonLayers": 3, "Added": 1, "Changed": 2, "Removed": 1, "SizeChange": -5,
        "Paths": [
            path("changed", "/c", 1, 2), path("changed", "/m", 7, 7),
            path("removed", "/d", 9, 0), path("added", "/n", 0, 0),
        ],
        "Config": [{"Field": "Cmd", "Before": None, "After": ["x"]}],
    }  # fmt: skip
    fake.on("GET", PATH, fakes.Reply(found))
    outcome = baleen("image", "diff", "a:1", "b")
    assert outcome.out.splitlines() == [
        "a:1 -> bbbbbbbbbbbb",
        "3 layers in common, 1 only in a:1, 2 only in bbbbbbbbbbbb",
        "1 added, 2 changed, 1 removed, -5B",
        "C /c  1B -> 2B",
        "C /m  7B",
        "D /d  9B",
        "A /n",
        "configuration:",
        '  Cmd: null -> ["x"]',
    ]
    assert fake.last(PATH).query == {"to": ["b"]}
    assert json.loads(baleen("image", "diff", "--json", "a:1", "b").out) == found


def test_two_images_are_needed(baleen):
    assert baleen("image", "diff", "a:1").code == 1
