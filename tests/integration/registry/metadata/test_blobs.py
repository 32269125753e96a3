"""Counting the uses of blobs."""

from __future__ import annotations

from registry_bed import START, digest_of

from baleen.oci.digest import Digest
from baleen.registry.metadata import blobs

DIGEST = Digest(digest_of(b"x"))


async def count(registry):
    return await registry.contents.database.read(
        lambda tx: tx.execute("SELECT links, location FROM blobs")
    )


async def test_each_repository_counts_once(registry):
    write = registry.contents.database.write
    for name in ("a", "a", "b"):
        await write(lambda tx, name=name: blobs.add_blob(tx, name, DIGEST, 1, "l1", START, ""))
    assert await count(registry) == [(2, "l1")]
    assert await write(lambda tx: blobs.unlink(tx, "a", DIGEST)) == ""
    assert await write(lambda tx: blobs.unlink(tx, "a", DIGEST)) is None
    assert await count(registry) == [(1, "l1")]


async def test_the_first_location_stays_unless_it_is_lost(registry):
    write = registry.contents.database.write
    await write(lambda tx: blobs.add_blob(tx, "a", DIGEST, 1, "l1", START, ""))
    blob = await write(lambda tx: blobs.add_blob(tx, "b", DIGEST, 1, "l2", START, ""))
    assert blob.location == "l1"
    blob = await write(lambda tx: blobs.add_blob(tx, "b", DIGEST, 1, "l3", START, "l1"))
    assert blob.location == "l3"


async def test_what_is_unknown_is_not_linked(registry):
    write = registry.contents.database.write
    assert await write(lambda tx: blobs.link_known(tx, "a", DIGEST, START)) is None
    assert await write(lambda tx: blobs.sources(tx, DIGEST, 5)) == []
    assert await write(lambda tx: blobs.location_of(tx, DIGEST)) is None


async def test_a_late_blob_counts_the_manifests_that_name_it(registry):
    import json

    from registry_bed import OCI_MANIFEST, manifest

    raw = json.dumps(manifest(b"x")).encode()
    await registry.contents.put_manifest("a", "t", OCI_MANIFEST, raw, complete=False)
    await registry.push_blob("a", b"x")
    blob = await registry.contents.blob("a", DIGEST)
    assert blob.refs == 1


async def test_an_upload_of_what_is_there_is_a_touch(registry):
    await registry.push_blob("a", b"x")
    registry.clock.now += 50
    await registry.push_blob("a", b"x")
    blob = await registry.contents.database.read(lambda tx: blobs.find_blob(tx, "a", DIGEST))
    assert blob.idle_since == START + 50


async def test_a_touch_never_goes_back(registry):
    await registry.push_blob("a", b"x")
    write = registry.contents.database.write
    await write(lambda tx: blobs.touch(tx, "a", DIGEST, START + 5))
    await write(lambda tx: blobs.touch(tx, "a", DIGEST, START + 3))
    assert (await registry.contents.blob("a", DIGEST)).idle_since == START + 5
