from __future__ import annotations

import json


async def test_prune_answers_zero_and_null(daemon):
    client = await daemon.connect()
    _, _, body = await client.request("POST", "/images/prune")
    assert json.loads(body) == {"ImagesDeleted": None, "SpaceReclaimed": 0}
