from __future__ import annotations

import json

import pytest

from baleen.daemon.application import OPERATIONS

# Every operation of Engine API v1.55, by tag.
NAMES = [
    "ContainerList",
    "ContainerCreate",
    "ContainerInspect",
    "ContainerTop",
    "ContainerLogs",
    "ContainerChanges",
    "ContainerExport",
    "ContainerStats",
    "ContainerResize",
    "ContainerStart",
    "ContainerStop",
    "ContainerRestart",
    "ContainerKill",
    "ContainerUpdate",
    "ContainerRename",
    "ContainerPause",
    "ContainerUnpause",
    "ContainerAttach",
    "ContainerAttachWebsocket",
    "ContainerWait",
    "ContainerDelete",
    "ContainerArchiveInfo",
    "ContainerArchive",
    "PutContainerArchive",
    "ContainerPrune",
    "ImageList",
    "ImageBuild",
    "BuildPrune",
    "ImageCreate",
    "ImageInspect",
    "ImageAttestations",
    "ImageHistory",
    "ImagePush",
    "ImageTag",
    "ImageDelete",
    "ImageSearch",
    "ImagePrune",
    "SystemAuth",
    "SystemInfo",
    "SystemVersion",
    "SystemPing",
    "SystemPingHead",
    "ImageCommit",
    "SystemEvents",
    "SystemDataUsage",
    "ImageGet",
    "ImageGetAll",
    "ImageLoad",
    "ContainerExec",
    "ExecStart",
    "ExecResize",
    "ExecInspect",
    "VolumeList",
    "VolumeCreate",
    "VolumeInspect",
    "VolumeUpdate",
    "VolumeDelete",
    "VolumePrune",
    "NetworkList",
    "NetworkInspect",
    "NetworkDelete",
    "NetworkCreate",
    "NetworkConnect",
    "NetworkDisconnect",
    "NetworkPrune",
    "PluginList",
    "GetPluginPrivileges",
    "PluginPull",
    "PluginInspect",
    "PluginDelete",
    "PluginEnable",
    "PluginDisable",
    "PluginUpgrade",
    "PluginCreate",
    "PluginPush",
    "PluginSet",
    "NodeList",
    "NodeInspect",
    "NodeDelete",
    "NodeUpdate",
    "SwarmInspect",
    "SwarmInit",
    "SwarmJoin",
    "SwarmLeave",
    "SwarmUpdate",
    "SwarmUnlockkey",
    "SwarmUnlock",
    "ServiceList",
    "ServiceCreate",
    "ServiceInspect",
    "ServiceDelete",
    "ServiceUpdate",
    "ServiceLogs",
    "TaskList",
    "TaskInspect",
    "TaskLogs",
    "SecretList",
    "SecretCreate",
    "SecretInspect",
    "SecretDelete",
    "SecretUpdate",
    "ConfigList",
    "ConfigCreate",
    "ConfigInspect",
    "ConfigDelete",
    "ConfigUpdate",
    "DistributionInspect",
    "Session",
]


def test_every_operation_of_the_api_is_in_the_table():
    assert set(NAMES) <= {operation.name for operation in OPERATIONS}


async def test_web_pages_are_refused_on_tcp_and_do_nothing(daemon):
    client = await daemon.connect_tcp()
    for headers in (
        "Origin: null\r\n",
        "Origin: https://evil.example\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
    ):
        status, answer, _ = await client.request("POST", "/containers/web/start", headers=headers)
        assert status == 403
        assert "access-control-allow-origin" not in answer
    await client.send(b"GET /_ping HTTP/1.1\r\nHost: evil.example\r\n\r\n")
    assert (await client.response())[0] == 403
    await client.send(
        b"OPTIONS /containers/json HTTP/1.1\r\nHost: localhost\r\nOrigin: http://a\r\n"
        b"Access-Control-Request-Method: POST\r\n\r\n"
    )
    assert (await client.response())[0] == 403
    assert daemon.engine.calls == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1:2375", "localhost", "[::1]:1", "10.0.0.1", "LOCALHOST:80"]
)
async def test_addresses_and_own_names_are_served_on_tcp(daemon, host):
    client = await daemon.connect_tcp()
    await client.send(f"GET /_ping HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert (await client.response())[2] == b"OK"


async def test_forms_and_plain_text_do_not_reach_a_json_endpoint(daemon):
    client = await daemon.connect()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; b=x"):
        await client.send(
            f"POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: {kind}\r\n"
            "Content-Length: 13\r\n\r\n".encode()
            + b'{"Image":"b"}'
        )
        status, _, body = await client.response()
        assert status == 400
        assert "must be 'application/json'" in json.loads(body)["message"]
    assert daemon.engine.calls == []


async def test_answers_carry_dockers_headers(daemon):
    client = await daemon.connect()
    _, headers, _ = await client.request("GET", "/v1.41/_ping")
    assert headers["api-version"] == "1.55"
    assert headers["ostype"] == "linux"
    assert headers["docker-experimental"] == "false"
    assert headers["swarm"] == "inactive"
    assert headers["cache-control"] == "no-cache, no-store, must-revalidate"
    assert headers["server"].startswith("Baleen/")


SINCE_AFTER_UNTIL = "`since` time (2) cannot be after `until` time (1)"
TOO_NEW = "client version 1.99 is too new. Maximum supported API version is 1.55"
TOO_OLD = (
    "client version 1.2 is too old. Minimum supported API version is 1.24, "
    "please upgrade your client to a newer version"
)
NO_MANAGER = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect '
    "this node to swarm and try again."
)


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/nothing", 404, "page not found"),
        ("GET", "/v1.99/_ping", 400, TOO_NEW),
        ("GET", "/v1.2/version", 400, TOO_OLD),
        ("GET", "/v1./version", 400, "invalid API version '1.'"),
        ("GET", "/containers/%zz/json", 400, 'invalid URL escape "%zz"'),
        ("GET", "/containers/json?filters=%7B%22x%22:%5B%5D%7D", 400, "invalid filter 'x'"),
        ("GET", "/containers/json?limit=1_0", 400, None),
        ("GET", "/containers/nope/json", 404, "No such container: nope"),
        ("POST", "/containers/create?name=taken", 409, None),
        ("POST", "/containers/web/kill", 400, None),
        ("POST", "/containers/web/resize?h=1", 400, 'invalid resize width ""'),
        ("POST", "/containers/web/resize?w=1&h=4294967296", 400, None),
        ("POST", "/containers/web/wait?condition=x", 400, "invalid condition: 'x'"),
        ("GET", "/containers/web/logs", 400, "Bad parameters: you must choose at least one stream"),
        ("GET", "/containers/web/attach/ws", 501, None),
        ("GET", "/containers/web/archive", 400, "bad parameter: path cannot be empty"),
        ("GET", "/containers/nope/archive?path=/", 404, "No such container: nope"),
        ("GET", "/containers/nope/export", 404, "No such container: nope"),
        ("POST", "/images/create?fromImage=gone", 404, None),
        ("POST", "/build?version=2", 501, None),
        ("GET", "/swarm", 503, None),
        ("GET", "/services", 503, NO_MANAGER),
        ("GET", "/events?since=2&until=1", 400, SINCE_AFTER_UNTIL),
        ("GET", "/events?since=1e3", 400, None),
        ("GET", "/system/df?type=x", 400, "unknown object type: x"),
        ("GET", "/images/get", 400, None),
    ],
)
async def test_refusals_have_dockers_status_and_text(daemon, method, path, status, message):
    client = await daemon.connect()
    body = b'{"Image":"b"}' if "create?name" in path else None
    got, headers, answer = await client.request(method, path, body)
    assert got == status
    assert headers["content-type"] == "application/json"
    text = json.loads(answer)["message"]
    assert text == message or message is None
    assert text


async def test_a_bug_is_500_with_a_request_id_and_nothing_else(daemon):
    client = await daemon.connect()
    status, _, body = await client.request("POST", "/containers/web/rename?name=x")
    assert status == 500
    assert "request " in json.loads(body)["message"]
    assert b"secret" not in body
    assert b"Traceback" not in body
