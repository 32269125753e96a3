"""Retention's statements leave what was pushed since they looked."""

from __future__ import annotations

from registry_bed import OCI_INDEX, START, index

from baleen.registry.metadata import retention

NOTHING = frozenset()


async def test_a_tag_that_moved_stays(registry):
    await registry.push_image("r", "v1", "one")
    database = registry.contents.database
    (seen,) = await database.read(lambda tx: retention.tags_by_age(tx, "r"))
    registry.clock.now += 1
    await registry.push_image("r", "v1", "two")
    assert not await database.write(lambda tx: retention.remove_tag_as_seen(tx, "r", seen))
    (seen,) = await database.read(lambda tx: retention.tags_by_age(tx, "r"))
    assert await database.write(lambda tx: retention.remove_tag_as_seen(tx, "r", seen))


async def test_a_manifest_that_an_index_took_stays(registry):
    digest, raw = await registry.push_image("r", "")
    database = registry.contents.database
    (seen,) = await database.read(
        lambda tx: retention.untagged(tx, "r", START + 10, NOTHING, NOTHING)
    )
    assert seen.digest == digest
    registry.clock.now += 1
    await registry.push_manifest("r", "all", index([raw]), OCI_INDEX)
    assert not await database.write(lambda tx: retention.remove_untagged(tx, "r", seen, START))
    assert (await registry.get(f"/v2/r/manifests/{digest}")).status == 200
