from __future__ import annotations

import base64
import json


async def test_create_answers_201_with_the_id(daemon):
    client = await daemon.connect()
    status, _, body = await client.request(
        "POST", "/v1.43/containers/create?name=a&platform=linux", b'{"Image":"b","Cmd":null}'
    )
    assert status == 201
    assert json.loads(body) == {"Id": "a" * 64, "Warnings": []}
    ((_, name, read, platform),) = daemon.engine.calls
    assert (name, read.image, platform) == ("a", "b", "linux")


async def test_create_refuses_an_empty_config(daemon):
    client = await daemon.connect()
    for body in (b"{}", b'{"HostConfig":{}}', None):
        status, _, answer = await client.request("POST", "/containers/create", body)
        assert status == 400
        assert b"config cannot be empty in order to create a container" in answer
    assert (await client.request("POST", "/containers/create", b" "))[0] == 400


async def test_start_is_204_and_then_304(daemon):
    client = await daemon.connect()
    assert (await client.request("POST", "/containers/web/start"))[0] == 204
    status, headers, _ = await client.request("POST", "/containers/web/start")
    assert status == 304
    assert "content-length" not in headers
    assert (await client.request("POST", "/containers/web/start", b'{"Image":""}'))[0] == 400


async def test_stop_passes_timeout_and_signal(daemon):
    client = await daemon.connect()
    assert (await client.request("POST", "/containers/web/stop?t=-1&signal=INT"))[0] == 204
    assert (await client.request("POST", "/containers/web/stop"))[0] == 204
    assert daemon.engine.calls == [("stop", -1, "INT"), ("stop", None, None)]
    assert (await client.request("POST", "/containers/web/stop?t=1.5"))[0] == 400


async def test_list_passes_flags_and_filters(daemon):
    client = await daemon.connect()
    path = '/containers/json?all=1&limit=5&filters={"label":{"a=b":true}}'
    status, _, body = await client.request("GET", path.replace('"', "%22"))
    assert (status, body) == (200, b"[]")
    assert daemon.engine.calls == [
        ("list", {"all": True, "limit": 5, "size": False, "filters": {"label": ["a=b"]}})
    ]


async def test_logs_have_the_type_of_the_clients_version(daemon):
    async def two():
        yield b"one"
        yield b"two"

    daemon.engine.log_stream = two
    client = await daemon.connect()
    for version, kind in (("1.41", "raw-stream"), ("1.42", "multiplexed-stream")):
        status, headers, body = await client.request(
            "GET", f"/v{version}/containers/web/logs?stderr=1&tail=5&since=1.5&timestamps=true"
        )
        assert (status, body) == (200, b"onetwo")
        assert headers["content-type"] == f"application/vnd.docker.{kind}"
    options = daemon.engine.calls[0][1]
    assert options["tail"] == "5"
    assert options["since"] == "1.5"
    assert options["timestamps"] is True
    assert (options["stdout"], options["stderr"], options["follow"]) == (False, True, False)


async def test_archives_have_the_stat_header_on_get_and_head(daemon):
    client = await daemon.connect()
    status, headers, body = await client.request("GET", "/containers/web/archive?path=/x")
    assert (status, body) == (200, b"tar")
    assert headers["content-type"] == "application/x-tar"
    stat = json.loads(base64.b64decode(headers["x-docker-container-path-stat"]))
    assert stat["name"] == "/x"
    status, again, _ = await client.request("HEAD", "/containers/web/archive?path=/x")
    assert status == 200
    assert again["x-docker-container-path-stat"] == headers["x-docker-container-path-stat"]
    assert (await client.request("HEAD", "/containers/nope/archive?path=/x"))[0] == 404


async def test_put_archive_passes_the_body_and_its_flags(daemon):
    client = await daemon.connect()
    path = "/containers/web/archive?path=/x&noOverwriteDirNonDir=true&copyUIDGID=1"
    assert (await client.request("PUT", path, b"data"))[0] == 200
    assert daemon.engine.received == b"data"
    assert daemon.engine.calls[0][2] == {"no_overwrite_dir_non_dir": True, "copy_uid_gid": True}


async def test_export_streams_all(daemon):
    client = await daemon.connect()
    status, _, body = await client.request("GET", "/containers/web/export")
    assert (status, len(body)) == (200, 64 * 65536)


async def test_exec_create_and_detached_start(daemon):
    client = await daemon.connect()
    status, _, body = await client.request(
        "POST", "/containers/web/exec", b'{"Cmd":["ls"],"Env":null}'
    )
    assert (status, json.loads(body)) == (201, {"Id": "e" * 64})
    status, _, body = await client.request("POST", "/exec/e/start", b'{"Detach":true}')
    assert (status, body) == (200, b"")
    status, _, body = await client.request("POST", "/containers/web/exec", b'{"Cmd":[]}')
    assert status == 400
    assert b"No exec command specified" in body
