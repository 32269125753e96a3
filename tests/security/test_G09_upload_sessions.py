"""G09: upload sessions of others, forged ones, wrong ranges, double ends, races."""

from __future__ import annotations

import asyncio

import pytest
from registry_bed import digest_of, opened

from baleen.registry.access import Actor, Open

DATA = b"0123456789"
DIGEST = digest_of(DATA)


class ByHeader(Open):
    async def authorize(self, repository, actions, request):
        return Actor(request.headers.get("x-user", ""))


@pytest.fixture
async def registry(tmp_path):
    async with opened(tmp_path / "data", access=ByHeader()) as it:
        yield it


async def begin(registry, user="me"):
    headers = {"x-user": user}
    answer = await registry.request("POST", "/v2/r/blobs/uploads/", headers=headers)
    return answer.headers["location"]


@pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE"])
async def test_a_session_of_somebody_else_is_not_there(registry, method):
    location = await begin(registry)
    await registry.request("PATCH", location, DATA, {"x-user": "me"})
    query = f"?digest={DIGEST}" if method == "PUT" else ""
    elsewhere = location.replace("/v2/r/", "/v2/other/")
    for path, user in [(location, "you"), (location, ""), (elsewhere, "me")]:
        answer = await registry.request(method, path + query, b"", {"x-user": user})
        assert (answer.status, answer.code) == (404, "BLOB_UPLOAD_UNKNOWN")
    answer = await registry.request("GET", location, headers={"x-user": "me"})
    assert answer.headers["range"] == "0-9"


async def test_a_forged_state_says_nothing(registry):
    location = await begin(registry)
    await registry.request("PATCH", f"{location}?_state=forged", DATA, {"x-user": "me"})
    answer = await registry.request(
        "PUT", f"{location}?_state=x&digest={DIGEST}", b"", {"x-user": "me"}
    )
    assert answer.status == 201


@pytest.mark.parametrize("unsafe", ["..", "...", "%2e%2e", "x" * 500, "0" * 32, "a.json"])
async def test_a_forged_session_is_not_there(registry, unsafe):
    answer = await registry.request("PATCH", f"/v2/r/blobs/uploads/{unsafe}", DATA)
    assert answer.status in {400, 404}
    assert [path.name for path in (registry.root / "uploads").iterdir()] == []


@pytest.mark.parametrize("content_range", ["0-4", "11-15", "5-14", "15-11", "-5-4"])
async def test_wrong_ranges_are_refused(registry, content_range):
    location = await begin(registry)
    await registry.request("PATCH", location, DATA, {"x-user": "me"})
    headers = {"x-user": "me", "content-range": content_range}
    for method in ("PATCH", "PUT"):
        answer = await registry.request(method, f"{location}?digest={DIGEST}", b"abcde", headers)
        assert answer.status in {400, 416}
    answer = await registry.request("GET", location, headers={"x-user": "me"})
    assert answer.headers["range"] == "0-9"


async def test_an_end_happens_once(registry):
    location = await begin(registry)
    await registry.request("PATCH", location, DATA, {"x-user": "me"})
    path = f"{location}?digest={DIGEST}"
    assert (await registry.request("PUT", path, b"", {"x-user": "me"})).status == 201
    assert (await registry.request("PUT", path, b"", {"x-user": "me"})).status == 404


@pytest.mark.parametrize("digest", ["", "md5:" + "0" * 32, "sha256:zz", "sha256", "../x"])
async def test_an_unknown_digest_makes_no_blob(registry, digest):
    location = await begin(registry)
    await registry.request("PATCH", location, DATA, {"x-user": "me"})
    answer = await registry.request("PUT", f"{location}?digest={digest}", b"", {"x-user": "me"})
    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")
    assert list(registry.root.glob("blobs/*/*/*")) == []


async def test_ends_and_cancels_that_race_leave_a_blob_or_nothing(registry):
    for _ in range(20):
        location = await begin(registry)
        await registry.request("PATCH", location, DATA, {"x-user": "me"})
        requests = [("PUT", f"{location}?digest={DIGEST}"), ("DELETE", location)] * 2
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(registry.request(method, path, b"", {"x-user": "me"}))
                for method, path in requests
            ]
        statuses = [task.result().status for task in tasks]
        assert sum(status in {201, 204} for status in statuses) == 1
        assert set(statuses) <= {201, 204, 404, 409}
        blob = await registry.get(f"/v2/r/blobs/{DIGEST}")
        if 201 in statuses:
            assert blob.body == DATA
        assert list((registry.root / "uploads").iterdir()) == []


async def test_two_writers_do_not_mix(registry):
    location = await begin(registry)
    parts = [bytes([65 + number]) * 300_000 for number in range(4)]
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(
                registry.request("PATCH", location, pieces=[part] * 5, headers={"x-user": "me"})
            )
            for part in parts
        ]
    statuses = [task.result().status for task in tasks]
    assert set(statuses) <= {202, 409}
    written = [part * 5 for part, status in zip(parts, statuses, strict=True) if status == 202]
    (stored,) = [path for path in (registry.root / "uploads").iterdir() if not path.suffix]
    data = stored.read_bytes()
    assert len(data) == sum(map(len, written))
    for whole in written:
        assert whole in data
