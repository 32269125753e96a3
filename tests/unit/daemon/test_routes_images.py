from __future__ import annotations

import json


async def test_load_streams_the_archive_and_its_progress(daemon):
    client = await daemon.connect()
    status, headers, body = await client.request("POST", "/images/load?quiet=1", b"archive")
    assert (status, headers["content-type"]) == (200, "application/json")
    assert json.loads(body) == {"stream": "Loaded image: x:latest\n"}
    assert daemon.engine.received == b"archive"


async def test_prune_answers_zero_and_null(daemon):
    client = await daemon.connect()
    _, _, body = await client.request("POST", "/images/prune")
    assert json.loads(body) == {"ImagesDeleted": None, "SpaceReclaimed": 0}


async def test_import_from_a_url_says_what_to_do(daemon):
    client = await daemon.connect()
    status, _, body = await client.request("POST", "/images/create?fromSrc=http://x/y.tar")
    assert status == 501
    assert "not available in this version of Baleen: " in json.loads(body)["message"]
