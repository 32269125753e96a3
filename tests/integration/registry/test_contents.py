"""Contents: the promises to a push while collection goes on."""

from __future__ import annotations

import asyncio
import json

import pytest
from registry_bed import OCI_MANIFEST, START, digest_of, manifest

from baleen.errors import Unavailable
from baleen.oci.digest import Digest
from baleen.registry.errors import ApiError, Code

DATA = b"data"
DIGEST = Digest(digest_of(DATA))


async def pieces(*parts):
    for part in parts:
        yield part


async def test_a_whole_blob_is_verified(registry):
    put = registry.contents.put_blob
    blob = await put("r", DIGEST, pieces(b"da", b"ta"), 4)
    assert (blob.digest, blob.size) == (DIGEST, 4)
    for parts, size, code in [
        ((b"dat",), 4, Code.SIZE_INVALID),
        ((b"data!",), 4, Code.SIZE_INVALID),
        ((b"dato",), 4, Code.DIGEST_INVALID),
        ((b"dato",), None, Code.DIGEST_INVALID),
    ]:
        with pytest.raises(ApiError) as caught:
            await put("other", DIGEST, pieces(*parts), size)
        assert caught.value.code is code
    assert await registry.contents.blob("other", DIGEST) is None
    assert list((registry.root / "uploads").iterdir()) == []


async def test_who_looks_for_a_blob_may_use_it_for_a_while(registry):
    await registry.push_blob("r", DATA)
    for later in (100, 3500):
        registry.clock.now = START + later
        blob = await registry.contents.blob("r", DIGEST)
        assert blob is not None
    assert (await registry.contents.blob("r", DIGEST)).idle_since == START + 3500


async def test_a_tag_remembers_when_it_was_pushed(registry):
    await registry.push_image("r", "v1")
    registry.clock.now += 60
    digest, _ = await registry.push_image("r", "v1")
    assert (await registry.contents.manifest("r", "v1")).tagged_at == START + 60
    assert (await registry.contents.manifest("r", Digest(digest))).tagged_at == 0


async def test_an_incomplete_manifest_is_not_acknowledged_to_a_push(registry):
    raw = json.dumps(manifest(DATA)).encode()
    put = registry.contents.put_manifest
    await put("r", "v1", OCI_MANIFEST, raw, complete=False)
    with pytest.raises(ApiError) as caught:
        await put("r", "v2", OCI_MANIFEST, raw)
    assert caught.value.code is Code.MANIFEST_BLOB_UNKNOWN
    await registry.push_blob("r", DATA)
    await put("r", "v2", OCI_MANIFEST, raw)


async def test_the_same_blob_by_many_at_once_is_kept_once(registry):
    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(registry.push_blob(f"r{number % 4}", DATA))
    assert len(list(registry.root.glob("blobs/sha256/*/*"))) == 1
    assert list((registry.root / "uploads").iterdir()) == []


async def test_a_mount_of_what_the_storage_lost_is_none(registry):
    await registry.push_blob("a", DATA)
    for path in registry.root.glob("blobs/sha256/*/*"):
        path.unlink()
    assert await registry.contents.mount("b", DIGEST, "a") is None


async def test_it_says_when_it_cannot_be_written(registry):
    await registry.contents.check()
    (registry.root / "uploads").rmdir()
    with pytest.raises(Unavailable):
        await registry.contents.check()
