"""The catalog looks at repositories, not at their manifests."""

from __future__ import annotations

from registry_bed import START

from baleen.registry.metadata import tags


async def test_one_step_for_a_repository_of_many_manifests(registry):
    def fill(tx):
        for name in ("a", "b", "c"):
            for number in range(300):
                tx.change(
                    "INSERT INTO manifests VALUES (?, ?, '', '', '', NULL, '', ?)",
                    (name, str(number), START),
                )

    await registry.contents.database.write(fill)
    read = registry.contents.database.read
    assert await read(lambda tx: tags.catalog(tx, "", 10)) == ["a", "b", "c"]
    assert await read(lambda tx: tags.catalog(tx, "a", 1)) == ["b"]
    assert await read(lambda tx: tags.catalog(tx, "c", 10)) == []
    plan = await read(
        lambda tx: tx.execute(
            "EXPLAIN QUERY PLAN SELECT MIN(repository) FROM manifests WHERE repository > 'a'"
        )
    )
    assert "INDEX" in str(plan)


async def test_a_removed_tag_tells_where_it_pointed(registry):
    digest, _ = await registry.push_image("r", "v1")
    assert await registry.contents.delete_tag("r", "v1") == digest
    assert await registry.contents.delete_tag("r", "v1") is None
