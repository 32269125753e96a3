from __future__ import annotations

import json


async def test_explain_is_beside_dockers_paths(daemon):
    client = await daemon.connect()
    for path in ("/baleen/v1/containers/web/explain", "/v1.43/baleen/v1/containers/web/explain"):
        status, _, body = await client.request("GET", path)
        assert status == 200
        assert json.loads(body)["Name"] == "web"
    assert (await client.request("GET", "/baleen/v1/containers/other/explain"))[0] == 404
    assert (await client.request("GET", "/containers/web/explain"))[0] == 404
    assert (await client.request("GET", "/baleen/v2/containers/web/explain"))[0] == 404


async def test_a_dry_run_takes_the_body_of_create(daemon):
    client = await daemon.connect()
    path = "/baleen/v1/containers/explain?name=a&platform=linux"
    status, _, body = await client.request("POST", path, b'{"Image":"b"}')
    assert (status, json.loads(body)["Status"]) == (200, "dry-run")
    ((_, name, read, platform),) = daemon.engine.calls
    assert (name, read.image, platform) == ("a", "b", "linux")


async def test_an_empty_body_is_refused(daemon):
    client = await daemon.connect()
    status, _, body = await client.request("POST", "/baleen/v1/containers/explain", b"{}")
    assert status == 400
    assert b"config cannot be empty" in body
