from __future__ import annotations

import json

from baleen.images.disk_policy import Policy


async def test_trees_and_diffs_of_names_with_slashes(daemon):
    client = await daemon.connect()
    status, _, body = await client.request("GET", "/baleen/v1/images/web/tree?all=1&platform=p")
    assert (status, json.loads(body)) == (200, {"tree": ["web", "p", True]})
    status, _, body = await client.request("GET", "/baleen/v1/images/a/b:1/diff?to=c/d:2")
    assert (status, json.loads(body)) == (200, {"diff": ["a/b:1", "c/d:2", ""]})
    status, _, body = await client.request("GET", "/baleen/v1/images/a/diff")
    assert status == 400
    assert b"give `to`" in body


async def test_check_and_gc(daemon):
    client = await daemon.connect()
    assert (await client.request("POST", "/baleen/v1/images/check"))[0] == 200
    for query in ("", "?dry-run=1", "?keep-free=5%25&unused-for=1d"):
        assert (await client.request("POST", f"/baleen/v1/system/gc{query}"))[0] == 200
    assert daemon.engine.calls == [
        ("gc", None, False),
        ("gc", None, True),
        ("gc", Policy(keep_free_percent=5, unused_for_s=86400), False),
    ]
    assert (await client.request("POST", "/baleen/v1/system/gc?unused-for=x"))[0] == 400
