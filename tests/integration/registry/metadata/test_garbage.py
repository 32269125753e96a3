"""What the collection's statements take, and what they leave."""

from __future__ import annotations

from registry_bed import START, digest_of, manifest

from baleen.registry.metadata import garbage


async def test_a_link_that_is_used_again_between_look_and_removal_stays(registry):
    await registry.push_blob("r", b"{}")
    database = registry.contents.database
    before = START + 10
    idle = await database.read(lambda tx: garbage.idle_links(tx, before, 10))
    assert [link.digest for link in idle] == [digest_of(b"{}")]
    await registry.push_manifest("r", "t", manifest())
    assert await database.write(lambda tx: garbage.drop_links(tx, idle, before)) == 0
    assert await database.write(lambda tx: garbage.drop_blobs(tx, 10)) == []


async def test_what_a_dry_run_foresees(registry):
    await registry.push_blob("a", b"12345")
    await registry.push_blob("b", b"12345")
    await registry.push_image("r", "v1")
    database = registry.contents.database
    foreseen = await database.read(lambda tx: garbage.foresee(tx, START + 10))
    assert foreseen == (2, 1, 5)


async def test_locations_tell_their_digest(registry):
    await registry.push_blob("r", b"x")
    storage = registry.contents.storage
    (known,) = [location for location, _ in storage.locations()]
    other = known.rpartition(".")[0] + ".00000000"
    found = await registry.contents.database.read(lambda tx: garbage.named(tx, [known, other]))
    assert found == {known}
