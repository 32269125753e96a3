from __future__ import annotations


def test_documents_and_templates(baleen, fake, fakes):
    fake.on("GET", "/volumes/v", fakes.Reply({"Name": "v", "Options": None}))
    assert baleen("volume", "inspect", "v").out == (
        '[\n    {\n        "Name": "v",\n        "Options": null\n    }\n]\n'
    )
    assert baleen("volume", "inspect", "-f", "{{.Name}}", "v").out == "v\n"


def test_a_missing_volume_fails(baleen, fake, refusal):
    fake.on("GET", "/volumes/x", refusal("get x: no such volume"))
    outcome = baleen("volume", "inspect", "x")
    assert (outcome.code, outcome.out) == (1, "[]\n")
    assert outcome.err == "Error response from daemon: get x: no such volume\n"
