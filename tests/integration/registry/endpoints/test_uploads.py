"""Pushing blobs: at once, in chunks, as a stream, and again after a cut."""

from __future__ import annotations

import pytest
from registry_bed import digest_of

DATA = b"abcdefghij" * 1000


async def begin(registry, name="r"):
    answer = await registry.request("POST", f"/v2/{name}/blobs/uploads/")
    assert answer.status == 202
    assert answer.headers["range"] == "0-0"
    location = answer.headers["location"]
    assert location == f"/v2/{name}/blobs/uploads/{answer.headers['docker-upload-uuid']}"
    return location


async def finish(registry, location, data=b"", digest="", **headers):
    return await registry.request(
        "PUT", f"{location}?digest={digest or digest_of(DATA)}", data, headers
    )


def sessions(registry):
    return sorted(path.name for path in (registry.root / "uploads").iterdir())


async def check(registry, answer):
    assert answer.status == 201, answer
    assert answer.headers["location"] == f"/v2/r/blobs/{digest_of(DATA)}"
    assert answer.headers["docker-content-digest"] == digest_of(DATA)
    assert (await registry.get(answer.headers["location"])).body == DATA
    assert sessions(registry) == []


async def test_monolithic_in_one_request(registry):
    path = f"/v2/r/blobs/uploads/?digest={digest_of(DATA)}"
    await check(registry, await registry.request("POST", path, DATA))


async def test_monolithic_in_two_requests(registry):
    await check(registry, await finish(registry, await begin(registry), DATA))


async def test_streamed_as_docker_does(registry):
    location = await begin(registry)
    pieces = [DATA[at : at + 700] for at in range(0, len(DATA), 700)]
    answer = await registry.request("PATCH", location, pieces=pieces)
    assert answer.status == 202
    assert answer.headers["range"] == f"0-{len(DATA) - 1}"
    await check(registry, await finish(registry, answer.headers["location"]))


async def test_in_chunks_the_last_with_the_end(registry):
    location = await begin(registry)
    for start in (0, 4000):
        part = DATA[start : start + 4000]
        headers = {"content-range": f"{start}-{start + 3999}"}
        answer = await registry.request("PATCH", location, part, headers)
        assert (answer.status, answer.headers["range"]) == (202, f"0-{start + 3999}")
    tail = {"content-range": f"8000-{len(DATA) - 1}"}
    path = f"{location}?digest={digest_of(DATA)}"
    await check(registry, await registry.request("PUT", path, DATA[8000:], tail))


async def test_a_cut_upload_goes_on_where_it_was(registry):
    location = await begin(registry)
    answer = await registry.request("PATCH", location, pieces=[DATA[:3000], None])
    assert answer is None
    answer = await registry.get(location)
    assert (answer.status, answer.headers["range"]) == (204, "0-2999")
    answer = await registry.request("PATCH", location, DATA[3000:])
    assert answer.status == 202
    await check(registry, await finish(registry, location))


async def test_another_process_goes_on(registry):
    location = await begin(registry)
    await registry.request("PATCH", location, DATA[:3000])
    registry.contents.uploads._hashes.clear()
    await registry.request("PATCH", location, DATA[3000:])
    await check(registry, await finish(registry, location))


async def test_sha512(registry):
    digest = digest_of(DATA, "sha512")
    answer = await finish(registry, await begin(registry), DATA, digest)
    assert answer.status == 201
    assert (await registry.get(f"/v2/r/blobs/{digest}")).body == DATA


async def test_an_empty_blob(registry):
    digest = digest_of(b"")
    assert (await finish(registry, await begin(registry), digest=digest)).status == 201
    answer = await registry.get(f"/v2/r/blobs/{digest}")
    assert (answer.status, answer.headers["content-length"]) == (200, "0")


@pytest.mark.parametrize(
    ("content_range", "status", "code"),
    [
        ("0-99", 416, "RANGE_INVALID"),
        ("200-299", 416, "RANGE_INVALID"),
        ("299-100", 416, "RANGE_INVALID"),
        ("100-198", 400, "SIZE_INVALID"),
        ("100-200", 400, "SIZE_INVALID"),
        ("-1-5", 400, "BLOB_UPLOAD_INVALID"),
        ("a-b", 400, "BLOB_UPLOAD_INVALID"),
        ("1_0-199", 400, "BLOB_UPLOAD_INVALID"),
    ],
)
async def test_a_wrong_chunk_changes_nothing(registry, content_range, status, code):
    location = await begin(registry)
    await registry.request("PATCH", location, DATA[:100])
    headers = {"content-range": content_range}
    answer = await registry.request("PATCH", location, DATA[100:200], headers)
    assert (answer.status, answer.code) == (status, code)
    assert (await registry.get(location)).headers["range"] == "0-99"
    if code == "RANGE_INVALID" and content_range != "299-100":
        assert answer.headers["range"] == "0-99"
        assert answer.headers["location"] == location
    await registry.request("PATCH", location, DATA[100:])
    await check(registry, await finish(registry, location))


async def test_a_chunk_without_length_is_held_to_its_range(registry):
    location = await begin(registry)
    for pieces in ([b"12", b"345"], [b"12"]):
        answer = await registry.request(
            "PATCH", location, headers={"content-range": "0-3"}, pieces=pieces
        )
        assert (answer.status, answer.code) == (400, "SIZE_INVALID")
        assert (await registry.get(location)).headers["range"] == "0-0"
    await check(registry, await finish(registry, location, DATA))


async def test_a_wrong_digest_ends_the_upload_without_a_blob(registry):
    location = await begin(registry)
    await registry.request("PATCH", location, DATA)
    wrong = digest_of(b"other")
    answer = await finish(registry, location, digest=wrong)
    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")
    assert sessions(registry) == []
    for digest in (wrong, digest_of(DATA)):
        assert (await registry.get(f"/v2/r/blobs/{digest}")).status == 404


async def test_a_cancelled_upload_is_gone(registry):
    location = await begin(registry)
    assert (await registry.request("DELETE", location)).status == 204
    assert sessions(registry) == []
    assert (await registry.get(location)).code == "BLOB_UPLOAD_UNKNOWN"


async def test_a_second_push_of_the_same_is_kept_once(registry):
    for name in ("r", "r", "other"):
        await registry.push_blob(name, DATA)
    assert len(list(registry.root.glob("blobs/sha256/*/*"))) == 1


async def test_a_monolithic_push_that_is_cut_leaves_nothing(registry):
    path = f"/v2/r/blobs/uploads/?digest={digest_of(DATA)}"
    assert await registry.request("POST", path, pieces=[DATA[:100], None]) is None
    assert sessions(registry) == []


async def test_uploads_with_a_configured_host_get_absolute_urls(tmp_path):
    from registry_bed import opened

    http = {"host": "https://registry.example/"}
    async with opened(tmp_path / "data", http=http) as registry:
        answer = await registry.request("POST", "/v2/r/blobs/uploads/")
        assert answer.headers["location"].startswith("https://registry.example/v2/r/blobs/uploads/")
