from __future__ import annotations

import json


def test_what_went_is_told(baleen, fake, fakes):
    reply = fakes.Reply({"CachesDeleted": ["abc"], "SpaceReclaimed": 1003})
    fake.on("POST", "/build/prune", reply)
    outcome = baleen(
        "builder", "prune", "-a", "-f", "--filter", "until=24h", "--keep-storage", "1k"
    )
    assert outcome.out == "Deleted build cache objects:\nabc\n\nTotal reclaimed space: 1.003kB\n"
    query = fake.requests[-1].query
    assert query["all"] == ["1"] or query["all"] == ["true"]
    assert query["keep-storage"] == ["1024"]
    assert json.loads(query["filters"][0]) == {"until": ["24h"]}


def test_nothing_goes_unasked(baleen, fake):
    outcome = baleen("builder", "prune", stdin=b"n\n")
    assert "dangling build cache" in outcome.out
    assert fake.requests == []
