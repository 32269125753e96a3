from __future__ import annotations

import json

import pytest


@pytest.fixture
def objects(fake, fakes):
    fake.on("GET", "/containers/c/json", fakes.Reply({"Id": "1", "Name": "/c\u00e9"}))
    fake.on("GET", "/images/lib/i/json", fakes.Reply({"Id": "2"}))
    fake.on("GET", "/volumes/v", fakes.Reply({"Name": "v"}))


def test_any_kind_is_found(baleen, objects):
    outcome = baleen("inspect", "c", "lib/i", "v", "nope")
    assert outcome.code == 1
    assert json.loads(outcome.out) == [{"Id": "1", "Name": "/c\u00e9"}, {"Id": "2"}, {"Name": "v"}]
    assert outcome.out.startswith('[\n    {\n        "Id": "1",')
    assert outcome.err == "Error: No such object: nope\n"


def test_formats_and_types(baleen, objects):
    assert baleen("inspect", "-f", "{{.Name}}", "c").out == "/c\u00e9\n"
    assert baleen("inspect", "-f", "json", "lib/i").out == '[{"Id":"2"}]\n'
    assert baleen("volume", "inspect", "-f", "{{.Name}}", "v").out == "v\n"
    assert baleen("inspect", "--type", "volume", "c").code == 1
    assert 'unknown type: "x"' in baleen("inspect", "--type", "x", "c").err
    assert "template parsing error: " in baleen("inspect", "-f", "{{.Nope}}", "c").err
    assert "template parsing error: " in baleen("inspect", "-f", "{{", "c").err


def test_a_name_cannot_leave_its_endpoint(baleen, fake, objects):
    assert baleen("inspect", "../secret").code == 1
    assert all("secret" not in request.target for request in fake.requests)
