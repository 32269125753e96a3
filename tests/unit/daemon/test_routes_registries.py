from __future__ import annotations

import asyncio
import base64
import json

import pytest

from baleen.api.registries import AuthConfig

ME = AuthConfig(username="me", password="p")
HEADER = base64.urlsafe_b64encode(b'{"username":"me","password":"p"}').decode()


async def test_a_pull_gets_name_tag_platform_and_credentials(daemon):
    client = await daemon.connect()
    status, _, body = await client.request(
        "POST",
        "/images/create?fromImage=late&tag=1&platform=linux/arm64",
        headers=f"X-Registry-Auth: {HEADER}\r\n",
    )
    assert daemon.engine.calls == [("pull", "late", "1", "linux/arm64", ME)]
    assert status == 200
    assert [json.loads(line) for line in body.splitlines()] == [
        {"status": "begun"},
        {"errorDetail": {"message": "manifest unknown"}, "error": "manifest unknown"},
    ]


async def test_what_goes_wrong_before_the_stream_has_a_status(daemon):
    client = await daemon.connect()
    status, _, body = await client.request("POST", "/images/create?fromImage=gone&tag=1")
    assert (status, json.loads(body)) == (404, {"message": "pull access denied for gone"})


async def test_a_header_that_cannot_be_read_is_none(daemon):
    client = await daemon.connect()
    await client.request("POST", "/images/create?fromImage=gone",
                         headers="X-Registry-Auth: %%%\r\n")  # fmt: skip
    assert daemon.engine.calls == [("pull", "gone", "", "", AuthConfig())]


@pytest.mark.parametrize("leave", ["half", "whole"])
@pytest.mark.parametrize("name", ["slow", "stream"])
async def test_a_transfer_ends_with_its_client(daemon, name, leave):
    client = await daemon.connect()
    await client.send(
        f"POST /images/a/{name}/push HTTP/1.1\r\nHost: d\r\nX-Registry-Auth: e30=\r\n\r\n".encode()
        if name == "stream"
        else b"POST /images/create?fromImage=slow HTTP/1.1\r\nHost: d\r\n\r\n"
    )
    if name == "stream":
        await client.head()
    else:
        await daemon.engine.transfer_begun.wait()
    if leave == "half":
        client.writer.write_eof()
    else:
        client.close()
    async with asyncio.timeout(5):
        await daemon.engine.transfer_given_up.wait()


async def test_a_push_needs_the_header_or_a_body(daemon):
    client = await daemon.connect()
    status, _, body = await client.request("POST", "/images/a/b/push?tag=1")
    assert status == 400
    assert json.loads(body)["message"].startswith("bad parameters and missing X-Registry-Auth")
    await client.request("POST", "/images/gone/push", b'{"username":"me","password":"p"}')
    assert daemon.engine.calls == [("push", "gone", "", "", ME)]


async def test_login(daemon):
    client = await daemon.connect()
    status, _, body = await client.request("POST", "/auth", b'{"username":"me","password":"p"}')
    assert (status, json.loads(body)) == (200, {"Status": "Login Succeeded", "IdentityToken": ""})
    assert daemon.engine.calls == [("login", ME)]


async def test_search_and_inspection(daemon):
    client = await daemon.connect()
    _, _, body = await client.request(
        "GET", '/images/search?term=a&limit=3&filters={"stars":["1"]}'
    )
    assert json.loads(body) == [
        {"star_count": 3, "is_official": False, "name": "a", "is_automated": False,
         "description": ""}
    ]  # fmt: skip
    _, _, body = await client.request("GET", "/distribution/r.io/a/b/json")
    assert daemon.engine.calls == [
        ("search", "a", 3, {"stars": ["1"]}, AuthConfig()),
        ("inspect", "r.io/a/b", AuthConfig()),
    ]
    assert json.loads(body)["Platforms"] == []
