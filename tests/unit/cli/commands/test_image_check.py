from __future__ import annotations

import json

PATH = "/baleen/v1/images/check"


def test_whole_images(baleen, fake, fakes):
    fake.on("POST", PATH, fakes.Reply({"Images": 2, "Blobs": 6, "Bytes": 5000, "Problems": []}))
    outcome = baleen("image", "check")
    assert (outcome.code, outcome.out) == (0, "2 images, 6 blobs, 5kB read: no problems\n")


def test_damage_is_listed_and_is_an_error_for_scripts(baleen, fake, fakes):
    problem = {"Digest": "sha256:1", "Problem": "corrupt", "Images": ["a:1", "b:1"]}
    fake.on("POST", PATH, fakes.Reply({"Images": 2, "Blobs": 6, "Bytes": 5, "Problems": [problem]}))
    outcome = baleen("image", "check")
    assert outcome.code == 1
    assert outcome.out.splitlines()[:2] == [
        "sha256:1 corrupt: a:1, b:1",
        "2 images, 6 blobs, 5B read: 1 problem",
    ]
    outcome = baleen("image", "check", "--json")
    assert (outcome.code, json.loads(outcome.out)["Problems"]) == (1, [problem])
