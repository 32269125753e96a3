"""Blobs in S3: parts, requests that die, several registries, and a service that is away."""

from __future__ import annotations

import asyncio
import secrets

import pytest
from registry_bed import OCI_MANIFEST, digest_of, opened
from s3_bed import make_bucket, s3_server, settings

from baleen.errors import InvalidArgument, Unavailable
from baleen.oci.digest import Digest
from baleen.registry.contents import open_contents
from baleen.registry.garbage import collect
from baleen.registry.storage.driver import Session
from baleen.registry.storage.s3 import S3Storage

SESSION = Session(id="0" * 32, repository="r", owner="", started=0.0)
LARGE = secrets.token_bytes(12_000_000)  # two parts and a rest


@pytest.fixture
def storage(s3_url):
    it = S3Storage(settings(s3_url, f"bucket-{secrets.token_hex(4)}"))
    make_bucket(it)
    it.start()
    return it


def keys(storage):
    found = storage.client.list_objects_v2(Bucket=storage.bucket)
    return [entry["Key"] for entry in found.get("Contents", ())]


def multipart_uploads(storage):
    return storage.client.list_multipart_uploads(Bucket=storage.bucket).get("Uploads", [])


def test_large_content_goes_in_parts_over_several_requests(storage):
    storage.begin(SESSION)
    for start in range(0, len(LARGE), 5_000_000):
        ingest = storage.resume(SESSION.id)
        assert ingest.size == start
        ingest.write(LARGE[start : start + 5_000_000])
        ingest.suspend()
    ingest = storage.resume(SESSION.id)
    assert b"".join(ingest.pieces()) == LARGE
    location = ingest.commit(Digest(digest_of(LARGE)))
    assert keys(storage) == [f"registry/blobs/{location}"]
    assert multipart_uploads(storage) == []
    reader = storage.open(location)
    assert reader.read(7_000_000, 10) == LARGE[7_000_000:7_000_010]
    assert reader.read(7_000_010, 10) == LARGE[7_000_010:7_000_020]
    assert reader.read(5, 10) == LARGE[5:15]
    reader.close()


def test_a_request_that_died_changed_nothing(storage):
    storage.begin(SESSION)
    ingest = storage.resume(SESSION.id)
    ingest.write(b"before")
    ingest.suspend()
    dead = storage.resume(SESSION.id)
    dead.write(LARGE)
    storage.release(SESSION.id)  # as its process' end does
    ingest = storage.resume(SESSION.id)
    assert (ingest.size, b"".join(ingest.pieces())) == (6, b"before")
    ingest.discard()
    assert keys(storage) == []
    assert multipart_uploads(storage) == []


def test_a_chunk_that_is_taken_back_leaves_what_was_there(storage):
    storage.begin(SESSION)
    ingest = storage.resume(SESSION.id)
    ingest.write(LARGE)
    ingest.suspend()
    ingest = storage.resume(SESSION.id)
    ingest.write(LARGE)
    ingest.truncate(len(LARGE))
    ingest.write(b"end")
    data = LARGE + b"end"
    assert b"".join(ingest.pieces()) == data
    location = ingest.commit(Digest(digest_of(data)))
    assert storage.open(location).size == len(data)


async def test_a_registry_over_it(tmp_path, storage):
    async with opened(tmp_path / "data", storage=storage, grace_s=0.0) as registry:
        digest, raw = await registry.push_image("r", "v1")
        assert (await registry.get("/v2/r/manifests/v1")).body == raw
        blob = await registry.push_blob("r", LARGE)
        assert (await registry.get(f"/v2/r/blobs/{blob}")).body == LARGE
        answer = await registry.get(f"/v2/r/blobs/{blob}", range="bytes=100-2000000")
        assert (answer.status, answer.body) == (206, LARGE[100:2_000_001])
        location = (await registry.request("POST", "/v2/r/blobs/uploads/")).headers["location"]
        headers = {"content-range": "0-1"}
        refused = await registry.request("PATCH", location, b"123", headers)
        assert refused.status == 400
        await registry.request("PATCH", location, b"12")
        registry.contents.uploads._hashes.clear()
        path = f"{location}?digest={digest_of(b'1234')}"
        assert (await registry.request("PUT", path, b"34")).status == 201
        await registry.request("DELETE", f"/v2/r/manifests/{digest}")
        registry.clock.now += 10
        assert (await collect(registry.contents, upload_age_s=0.0)).blobs == 4
        assert keys(storage) == []
        answer = await registry.push_manifest("r", "v2", raw, OCI_MANIFEST)
        assert answer.code == "MANIFEST_BLOB_UNKNOWN"


async def test_settings_choose_it(s3_url):
    from baleen.registry.configuration import read_tree
    from baleen.registry.settings import load_settings

    chosen = load_settings(
        read_tree(
            None,
            {
                "REGISTRY_STORAGE": "s3",
                "REGISTRY_STORAGE_S3_BUCKET": "none-such",
                "REGISTRY_STORAGE_S3_REGIONENDPOINT": s3_url,
                "REGISTRY_STORAGE_S3_ACCESSKEY": "a",
                "REGISTRY_STORAGE_S3_SECRETKEY": "hidden-key",
            },
        )
    )
    contents = open_contents(chosen)
    assert isinstance(contents.storage, S3Storage)
    with pytest.raises(InvalidArgument, match="none-such") as caught:
        await contents.start()
    assert "hidden-key" not in str(caught.value)
    await asyncio.to_thread(contents._pool.shutdown)
    with pytest.raises(InvalidArgument, match="bucket is missing"):
        S3Storage(settings(s3_url, "")).start()


def test_a_service_that_went_away_is_said():
    with s3_server() as url:
        storage = S3Storage(settings(url, "bucket"))
        make_bucket(storage)
        storage.start()
    with pytest.raises(Unavailable, match="S3"):
        storage.check()
    with pytest.raises(Unavailable):
        storage.begin(SESSION)


@pytest.mark.parametrize("unsafe", ["../x", "", "sha256/aa/x"])
def test_a_location_that_is_none_is_refused(storage, unsafe):
    with pytest.raises(InvalidArgument):
        storage.open(unsafe)
