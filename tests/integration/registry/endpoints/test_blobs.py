"""Reading blobs whole, in parts, and under conditions; removing them."""

from __future__ import annotations

import os

import pytest
from registry_bed import digest_of, manifest, opened

from baleen.registry.events import EventAction
from baleen.registry.upstream import Incoming

DATA = bytes(range(256)) * 10
LARGE = b"0123456789abcdef" * (100 << 10)


async def test_a_blob_comes_back_with_its_digest_and_length(registry):
    digest = await registry.push_blob("r", DATA)
    answer = await registry.get(f"/v2/r/blobs/{digest}")
    assert (answer.status, answer.body) == (200, DATA)
    assert answer.headers["docker-content-digest"] == digest
    assert answer.headers["etag"] == f'"{digest}"'
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["accept-ranges"] == "bytes"
    head = await registry.request("HEAD", f"/v2/r/blobs/{digest}")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(DATA))
    event = registry.events.events[-1]
    assert (event.action, event.digest, event.size) == (EventAction.PULL, digest, len(DATA))


@pytest.mark.parametrize("data", [DATA, LARGE], ids=["small", "streamed"])
@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-", 10, None),
        ("bytes=-5", -5, None),
        ("bytes=1-99999999", 1, None),
        ("bytes=5-1004", 5, 1005),
    ],
)
async def test_a_range_is_a_206(registry, data, header, start, stop):
    digest = await registry.push_blob("r", data)
    answer = await registry.get(f"/v2/r/blobs/{digest}", range=header)
    assert answer.status == 206
    assert answer.body == data[start:stop]
    first = start % len(data)
    last = first + len(answer.body) - 1
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(data)}"


async def test_a_range_behind_the_end_is_a_416(registry):
    digest = await registry.push_blob("r", DATA)
    answer = await registry.get(f"/v2/r/blobs/{digest}", range=f"bytes={len(DATA)}-")
    assert (answer.status, answer.code) == (416, "RANGE_INVALID")
    assert answer.headers["content-range"] == f"bytes */{len(DATA)}"


@pytest.mark.parametrize("header", ["bytes=0-1,4-5", "lines=1-2", "bytes=5-2", "bytes=a-b"])
async def test_a_range_that_is_not_understood_is_ignored(registry, header):
    digest = await registry.push_blob("r", DATA)
    answer = await registry.get(f"/v2/r/blobs/{digest}", range=header)
    assert (answer.status, len(answer.body)) == (200, len(DATA))


async def test_a_client_that_has_it_gets_a_304(registry):
    digest = await registry.push_blob("r", DATA)
    for tags in (f'"{digest}"', "*", f'"x", W/"{digest}"'):
        answer = await registry.get(f"/v2/r/blobs/{digest}", if_none_match=tags)
        assert (answer.status, answer.body) == (304, b"")
    answer = await registry.get(f"/v2/r/blobs/{digest}", if_none_match='"x"')
    assert answer.status == 200


async def test_a_range_of_another_version_is_the_whole(registry):
    digest = await registry.push_blob("r", DATA)
    path = f"/v2/r/blobs/{digest}"
    answer = await registry.get(path, range="bytes=0-0", if_range='"other"')
    assert answer.status == 200
    answer = await registry.get(path, range="bytes=0-0", if_range=f'"{digest}"')
    assert answer.status == 206


async def test_a_removed_blob_is_gone_from_its_repository_alone(registry):
    digest = await registry.push_blob("r", DATA)
    await registry.push_blob("other", DATA)
    answer = await registry.request("DELETE", f"/v2/r/blobs/{digest}")
    assert answer.status == 202
    assert (await registry.get(f"/v2/r/blobs/{digest}")).status == 404
    assert (await registry.get(f"/v2/other/blobs/{digest}")).status == 200


async def test_a_blob_of_a_manifest_cannot_be_removed(registry):
    digest = await registry.push_blob("r", b"{}")
    assert (await registry.push_manifest("r", "t", manifest())).status == 201
    answer = await registry.request("DELETE", f"/v2/r/blobs/{digest}")
    assert (answer.status, answer.code) == (405, "UNSUPPORTED")
    assert (await registry.get(f"/v2/r/blobs/{digest}")).status == 200


async def test_a_blob_that_the_storage_lost_is_unknown_and_comes_back_with_a_push(registry):
    digest = await registry.push_blob("r", DATA)
    for path in registry.root.glob("blobs/sha256/*/*"):
        path.unlink()
    for method in ("GET", "HEAD"):
        assert (await registry.request(method, f"/v2/r/blobs/{digest}")).status == 404
    await registry.push_blob("r", DATA)
    assert (await registry.get(f"/v2/r/blobs/{digest}")).body == DATA


async def test_readers_are_closed_when_nobody_reads_on(registry):
    digest = await registry.push_blob("r", LARGE)
    before = len(os.listdir("/proc/self/fd"))

    async def request():
        sent = []

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            sent.append(message)
            if len(sent) == 2:
                raise ConnectionResetError

        scope = {
            "type": "http",
            "method": "GET",
            "path": f"/v2/r/blobs/{digest}",
            "raw_path": b"",
            "query_string": b"",
            "headers": [],
        }
        await registry.app(scope, receive, send)

    await request()
    assert len(os.listdir("/proc/self/fd")) == before


async def test_a_blob_on_its_way_is_streamed_from_the_upstream(tmp_path):
    class Coming(Incoming):
        size = len(DATA)

        async def pieces(self, start, stop):
            yield DATA[start:stop]

    class Upstream:
        async def blob(self, *_):
            return Coming()

    async with opened(tmp_path / "data", upstream=Upstream()) as registry:
        path = f"/v2/r/blobs/{digest_of(DATA)}"
        assert (await registry.get(path)).body == DATA
        answer = await registry.get(path, range="bytes=1-2")
        assert (answer.status, answer.body) == (206, DATA[1:3])
