from __future__ import annotations


def test_one_line_for_each_event(baleen, fake, fakes, monkeypatch):
    event = {
        "Type": "container",
        "Action": "start",
        "Actor": {"ID": "c1", "Attributes": {"name": "web", "image": "b"}},
        "time": 1,
        "timeNano": 1_500_000_000,
    }
    fake.on("GET", "/events", fakes.Reply(event))
    outcome = baleen("events", "--since", "1", "--until", "2", "--filter", "type=container")
    assert outcome.out.endswith(" container start c1 (image=b, name=web)\n")
    assert ".500000000" in outcome.out
    assert fake.last("/events").query == {
        "since": ["1.000000000"],
        "until": ["2.000000000"],
        "filters": ['{"type":["container"]}'],
    }
    assert baleen("events", "--format", "{{.Action}}").out == "start\n"
