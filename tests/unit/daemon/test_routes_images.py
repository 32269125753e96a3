from __future__ import annotations

import json


async def test_prune_answers_zero_and_null(daemon):
    client = await daemon.connect()
    _, _, body = await client.request("POST", "/images/prune")
    assert json.loads(body) == {"ImagesDeleted": None, "SpaceReclaimed": 0}


async def test_pull_says_what_to_do(daemon):
    client = await daemon.connect()
    status, _, body = await client.request("POST", "/images/create?fromImage=a")
    assert status == 501
    assert "not available in this version of Baleen: " in json.loads(body)["message"]
