from __future__ import annotations

import json


async def test_load_streams_the_archive_and_its_progress(daemon):
    client = await daemon.connect()
    status, headers, body = await client.request("POST", "/images/load?quiet=1", b"archive")
    assert (status, headers["content-type"]) == (200, "application/json")
    assert json.loads(body) == {"stream": "Loaded image: x:latest\n"}
    assert daemon.engine.received == b"archive"


async def test_commit_passes_everything_on_and_answers_201(daemon):
    client = await daemon.connect()
    query = "container=c1&repo=a&tag=b&comment=why&author=me&changes=CMD+x&changes=USER+y"
    status, _, body = await client.request("POST", f"/commit?{query}")
    assert (status, json.loads(body)) == (201, {"Id": "sha256:1"})
    ref, options = daemon.engine.calls[-1]
    assert ref == "c1"
    assert options == {
        "repo": "a", "tag": "b", "comment": "why", "author": "me",
        "changes": ["CMD x", "USER y"], "pause": True,
    }  # fmt: skip
    await client.request("POST", "/commit?container=c1&pause=0")
    assert daemon.engine.calls[-1][1]["pause"] is False


async def test_save_wants_a_name(daemon):
    client = await daemon.connect()
    assert (await client.request("GET", "/images/get"))[0] == 400
