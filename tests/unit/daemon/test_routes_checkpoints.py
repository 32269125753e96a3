from __future__ import annotations

import json

BODY = b'{"CheckpointID":"cp1","CheckpointDir":"/d","Exit":true}'


async def test_they_are_made_listed_and_removed(daemon):
    client = await daemon.connect()
    path = "/v1.40/containers/web/checkpoints"
    status, _, body = await client.request("POST", path, BODY)
    assert (status, body) == (201, b"")
    status, _, body = await client.request("GET", f"{path}?dir=/d")
    assert (status, json.loads(body)) == (200, [{"Name": "cp1"}, {"Name": "cp2"}])
    status, _, body = await client.request("DELETE", f"{path}/cp1?dir=/d")
    assert (status, body) == (204, b"")
    assert daemon.engine.calls == [
        ("checkpoint", "cp1", "/d", True),
        ("checkpoints", "/d"),
        ("delete checkpoint", "cp1", "/d"),
    ]


async def test_a_start_may_be_from_one(daemon):
    client = await daemon.connect()
    path = "/containers/web/start?checkpoint=cp1&checkpoint-dir=/d"
    assert (await client.request("POST", path))[0] == 204
    assert (await client.request("POST", "/containers/web/start"))[0] == 204
    assert daemon.engine.calls == [("start from", "cp1", "/d"), "started"]


async def test_without_experimental_there_are_none(daemon):
    daemon.engine.experimental = False
    client = await daemon.connect()
    path = "/containers/web/checkpoints"
    for method, place, body in (
        ("POST", path, BODY),
        ("GET", path, None),
        ("DELETE", f"{path}/a", None),
    ):
        status, _, answer = await client.request(method, place, body)
        assert status == 501
        assert "experimental feature is disabled" in json.loads(answer)["message"]
    status, _, answer = await client.request("POST", "/containers/web/start?checkpoint=cp1")
    assert status == 400
    assert b"checkpoint is only supported in experimental mode" in answer
    assert daemon.engine.calls == []


async def test_other_paths_below_a_container_are_still_unknown(daemon):
    client = await daemon.connect()
    for path in ("web/x", "web/checkpoints/", "web/checkpoints/a/b", "web/x/y"):
        assert (await client.request("DELETE", f"/containers/{path}"))[0] == 404
    assert daemon.engine.calls == []
