"""Collection: what goes, what stays, and for how long."""

from __future__ import annotations

import os

from registry_bed import START, digest_of, manifest

from baleen.registry.garbage import Report, collect


async def run(registry, **options):
    return await collect(registry.contents, upload_age_s=1000.0, **options)


def files(registry):
    return len(list(registry.root.glob("blobs/*/*/*")))


async def test_blobs_of_a_deleted_manifest_go_after_the_grace_period(registry):
    digest, _ = await registry.push_image("r", "v1")
    registry.clock.now += 10_000
    assert await run(registry) == Report()
    await registry.request("DELETE", f"/v2/r/manifests/{digest}")
    registry.clock.now += 3599
    assert await run(registry) == Report()
    registry.clock.now += 2
    foreseen = await run(registry, dry_run=True)
    assert files(registry) == 2
    report = await run(registry)
    assert report == foreseen
    assert (report.links, report.blobs) == (2, 2)
    assert report.size == len(b'{"salt":""}') + len(b"layer ")
    assert files(registry) == 0
    assert await run(registry) == Report()


async def test_what_another_manifest_or_repository_uses_stays(registry):
    digest, _ = await registry.push_image("r", "v1")
    _, raw = await registry.push_image("other", "v1")
    await registry.request("DELETE", f"/v2/r/manifests/{digest}")
    registry.clock.now += 10_000
    report = await run(registry)
    assert (report.links, report.blobs) == (2, 0)
    for data in (b'{"salt":""}', b"layer "):
        assert (await registry.get(f"/v2/other/blobs/{digest_of(data)}")).body == data
        assert (await registry.get(f"/v2/r/blobs/{digest_of(data)}")).status == 404
    assert (await registry.get("/v2/other/manifests/v1")).body == raw


async def test_a_blob_that_a_client_was_told_of_waits_for_its_manifest(registry):
    await registry.push_blob("r", b"{}")
    registry.clock.now += 3000
    await registry.request("HEAD", f"/v2/r/blobs/{digest_of(b'{}')}")
    registry.clock.now += 3000
    assert (await run(registry)).links == 0
    assert (await registry.push_manifest("r", "v1", manifest())).status == 201
    registry.clock.now += 100_000
    assert (await run(registry)).links == 0


async def test_bytes_that_nobody_names_are_swept(registry):
    await registry.push_blob("r", b"{}")
    (named,) = registry.root.glob("blobs/sha256/*/*")
    orphan = named.with_suffix(".00000000")
    orphan.write_bytes(b"left by a crash")
    for path in (named, orphan):
        os.utime(path, (START, START))
    registry.clock.now = START + 3500
    assert (await run(registry)).orphans == 0
    registry.clock.now = START + 3601
    await registry.request("HEAD", f"/v2/r/blobs/{digest_of(b'{}')}")
    assert (await run(registry, dry_run=True)).orphans == 1
    assert orphan.exists()
    assert (await run(registry)).orphans == 1
    assert not orphan.exists()
    assert (await registry.get(f"/v2/r/blobs/{digest_of(b'{}')}")).body == b"{}"


async def test_stale_uploads_go(registry):
    await registry.request("POST", "/v2/r/blobs/uploads/")
    registry.clock.now += 999
    assert (await run(registry)).uploads == 0
    registry.clock.now += 2
    assert (await run(registry)).uploads == 1
    assert list((registry.root / "uploads").iterdir()) == []


async def test_much_garbage_is_taken_in_steps(registry):
    def fill(tx):
        for number in range(500):
            digest = digest_of(str(number).encode())
            location = digest.replace(":", f"/{digest[7:9]}/") + ".00000000"
            tx.change("INSERT INTO blobs VALUES (?, 1, ?, 1)", (digest, location))
            tx.change("INSERT INTO links VALUES ('r', ?, 1, 0, 0)", (digest,))

    await registry.contents.database.write(fill)
    report = await run(registry)
    assert (report.links, report.blobs, report.size) == (500, 500, 500)
