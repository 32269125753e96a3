from __future__ import annotations

import base64
import json

from baleen.api.build_frames import (
    AGENT,
    CONTENT_TYPE,
    DATA,
    MESSAGE,
    PRELUDE,
    BuildFrames,
    encode_build_frame,
)
from baleen.engine.build_request import BuildFailure
from baleen.errors import InvalidArgument


async def post(client, path, body, kind="application/x-tar"):
    head = f"POST {path} HTTP/1.1\r\nHost: d\r\nContent-Type: {kind}\r\n"
    await client.send(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return await client.response()


async def test_the_context_goes_to_the_engine_and_its_messages_come_back(daemon):
    client = await daemon.connect()
    status, headers, body = await post(client, "/build?t=a&t=b:1&nocache=1&rm=0", b"tar" * 9999)
    assert status == 200
    assert headers["content-type"] == "application/json"
    assert body == b'{"stream":"Successfully built\\n"}\r\n'
    assert daemon.engine.received == b"tar" * 9999
    request = daemon.engine.built
    assert [tag.familiar for tag in request.tags] == ["a:latest", "b:1"]
    assert request.options.no_cache
    assert not request.remove


async def test_a_failed_command_is_the_last_message_with_its_code(daemon):
    daemon.engine.build_messages = [{"stream": "x"}, BuildFailure("it failed", exit_code=3)]
    client = await daemon.connect()
    _, _, body = await post(client, "/build", b"")
    last = json.loads(body.split(b"\r\n")[-2])
    assert last == {"errorDetail": {"code": 3, "message": "it failed"}, "error": "it failed"}


async def test_what_fails_before_the_first_message_is_a_status(daemon):
    daemon.engine.build_messages = [InvalidArgument("dockerfile parse error")]
    client = await daemon.connect()
    status, _, body = await post(client, "/build", b"")
    assert (status, json.loads(body)["message"]) == (400, "dockerfile parse error")


async def test_a_body_must_say_that_it_is_a_tar(daemon):
    client = await daemon.connect_tcp()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        status, _, _ = await post(client, "/build", b"", kind)
        assert status in (400, 403), kind  # the guard knows some of them
        client = await daemon.connect_tcp()
    client = await daemon.connect()
    assert (await post(client, "/build", b"", "application/x-www-form-urlencoded"))[0] == 200


def body_of(prelude, *contexts):
    frames = [encode_build_frame(PRELUDE, json.dumps(prelude).encode())]
    for context in contexts:
        frames += [encode_build_frame(DATA, part) for part in (context, b"")]
    return b"".join(frames)


async def test_our_own_body_carries_secrets_and_more_contexts(daemon):
    daemon.engine.build_messages = [{"a": 1}, b"bytes", b"", (7, b"agent")]
    secret = base64.b64encode(b"v").decode()
    prelude = {
        "Dockerfile": "FROM scratch",
        "Secrets": [{"ID": "s", "Data": secret}],
        "Contexts": {"More": "local", "base": "docker-image://x"},
        "Outputs": [{"Type": "tar"}],
        "Allow": ["network.host"],
    }
    client = await daemon.connect()
    body = body_of(prelude, b"main", b"more")
    status, headers, answer = await post(client, "/build?target=x", body, CONTENT_TYPE)
    assert (status, headers["content-type"]) == (200, CONTENT_TYPE)
    found = list(BuildFrames().feed(answer))
    assert found == [
        (MESSAGE, b'{"a":1}'),
        (DATA, b"bytes"),
        (DATA, b""),
        (AGENT, b"\0\0\0\7agent"),
    ]
    request = daemon.engine.built
    assert daemon.engine.received == b"main"
    assert daemon.engine.contexts == [b"more"]
    assert request.dockerfile == "FROM scratch"
    assert request.secrets["s"].data == b"v"
    assert request.options.contexts == {"more": "local:more", "base": "docker-image://x"}
    assert request.outputs[0].kind == "tar"


async def test_malformed_bodies_of_our_own_are_refused(daemon):
    for body, message in (
        (b"", b"does not begin with its prelude"),
        (b"\x11" + bytes(7), b"does not begin with its prelude"),
        (b"garbage that is no frame", b"unknown frame"),
        (encode_build_frame(PRELUDE, b"{"), b"invalid JSON"),
        (body_of({"Allow": ["x"]}), b"unknown entitlement"),
        (body_of({"Secrets": [{"ID": "../x"}]}), b"invalid id of a secret"),
        (body_of({"Secrets": [{"ID": "x", "Data": "*"}]}), b"is not base64"),
        (body_of({"Call": "x"}), b"unknown call"),
        (body_of({}), b"ends within a context"),
    ):
        client = await daemon.connect()
        status, _, answer = await post(client, "/build", body, CONTENT_TYPE)
        assert status == 400, (body, answer)
        assert message in answer, answer


async def test_pruning_and_cancelling(daemon):
    client = await daemon.connect()
    path = "/build/prune?all=1&keep-storage=5&filters=%7B%22until%22%3A%5B%2224h%22%5D%7D"
    _, _, body = await client.request("POST", path)
    assert json.loads(body) == {"CachesDeleted": ["a"], "SpaceReclaimed": 5}
    wanted = daemon.engine.pruned
    assert wanted.everything
    assert wanted.keep_bytes == 5
    assert wanted.until_ns is not None
    assert (await client.request("POST", "/build/prune?filters=%7B%22x%22%3A%5B%5D%7D"))[0] == 400
    assert (await client.request("POST", "/build/cancel?id=mine"))[0] == 200
    assert ("cancel", "mine") in daemon.engine.calls
    assert (await client.request("POST", "/build/cancel"))[0] == 400


async def test_a_session_is_not_offered(daemon):
    client = await daemon.connect()
    status, _, body = await client.request("POST", "/session")
    assert status == 501
    assert b"DOCKER_BUILDKIT=0" in body
