"""A registry on PostgreSQL: the same answers, several at once, and a server that goes away."""

from __future__ import annotations

import asyncio
import json

import pytest
from postgres_bed import postgres
from registry_bed import OCI_INDEX, digest_of, index, manifest, opened

from baleen.errors import FailedPrecondition, NotFound, Unavailable
from baleen.registry.garbage import collect
from baleen.registry.metadata.postgres import PostgresDatabase
from baleen.registry.retention import retain
from baleen.registry.settings import RetentionRule


@pytest.fixture
async def pair(tmp_path, postgres_url):
    """Two registries over one storage and one database."""
    one, two = PostgresDatabase(postgres_url), PostgresDatabase(postgres_url)
    root = tmp_path / "data"
    async with (
        opened(root, database=one, grace_s=0.0) as first,
        opened(root, database=two, grace_s=0.0) as second,
    ):
        await one.write(empty)
        yield first, second


def empty(tx):
    for table in ("blobs", "links", "manifests", "edges", "tags"):
        tx.change(f"DELETE FROM {table}")


async def test_what_one_stores_the_other_serves(pair):
    first, second = pair
    digest, raw = await first.push_image("team/app", "v1")
    await first.push_manifest("team/app", "all", index([raw]), OCI_INDEX)
    await first.push_manifest("team/app", "B", raw)
    assert (await second.get("/v2/team/app/manifests/v1")).body == raw
    assert (await second.get(f"/v2/team/app/manifests/{digest}")).body == raw
    assert (await second.get("/v2/team/app/tags/list")).json["tags"] == ["all", "B", "v1"]
    assert (await second.get("/v2/team/app/tags/list?last=all&n=1")).json["tags"] == ["B"]
    assert (await second.get("/v2/_catalog")).json == {"repositories": ["team/app"]}
    layer = digest_of(b"layer ")
    answer = await second.request("POST", f"/v2/x/blobs/uploads/?mount={layer}&from=team/app")
    assert answer.status == 201
    assert (await first.get(f"/v2/x/blobs/{layer}")).body == b"layer "
    refused = await second.push_manifest("y", "t", manifest(layers=[b"layer "]))
    assert refused.code == "MANIFEST_BLOB_UNKNOWN"
    subject = json.loads(raw)["config"]
    await second.push_image("team/app", "r", "r", subject=subject, artifactType="a/b")
    path = f"/v2/team/app/referrers/{subject['digest']}?artifactType=a/b"
    assert len((await first.get(path)).json["manifests"]) == 1


async def test_an_upload_begun_at_one_ends_at_the_other(pair):
    first, second = pair
    location = (await first.request("POST", "/v2/r/blobs/uploads/")).headers["location"]
    for registry in (first, second):
        assert (await registry.request("PATCH", location, b"half")).status == 202
    path = f"{location}?digest={digest_of(b'halfhalf')}"
    assert (await second.request("PUT", path)).status == 201


async def test_pushes_deletes_and_collections_of_both_lose_nothing(pair):
    done = asyncio.Event()
    alive = {}
    layers = [b"one", b"two", b"three"]

    async def work(number):
        registry = pair[number % 2]
        for round_ in range(8):
            for layer in (b"{}", *layers):
                await registry.push_blob("r", layer)
            raw = json.dumps(manifest(layers=layers, annotations={"n": f"{number}.{round_}"}))
            answer = await registry.push_manifest("r", f"t{number}", raw.encode())
            if answer.status != 201:
                assert answer.code == "MANIFEST_BLOB_UNKNOWN"
                continue
            if old := alive.pop(number, None):
                assert (await registry.request("DELETE", f"/v2/r/manifests/{old}")).status == 202
            alive[number] = digest_of(raw.encode())

    async def clean(registry):
        while not done.is_set():
            for each in pair:
                each.clock.now += 0.001
            await collect(registry.contents, upload_age_s=None)

    async with asyncio.TaskGroup() as group:
        for registry in pair:
            group.create_task(clean(registry))
        async with asyncio.TaskGroup() as workers:
            for number in range(6):
                workers.create_task(work(number))
        done.set()
    for digest in alive.values():
        document = (await pair[0].get(f"/v2/r/manifests/{digest}")).json
        for entry in [document["config"], *document["layers"]]:
            blob = await pair[1].get(f"/v2/r/blobs/{entry['digest']}")
            assert digest_of(blob.body) == entry["digest"]
    wrong = await pair[0].contents.database.read(
        lambda tx: tx.execute(
            "SELECT digest, refs FROM links l WHERE refs <> (SELECT COUNT(*) FROM edges e "
            "WHERE e.repository = l.repository AND e.child = l.digest)"
        )
    )
    assert wrong == []


async def test_retention(pair):
    first, second = pair
    await first.push_image("r", "v1", "one")
    first.clock.now = second.clock.now = first.clock.now + 100
    await first.push_image("r", "v2", "two")
    first.clock.now = second.clock.now = first.clock.now + 100
    rules = [RetentionRule(keep=1, untagged=True)]
    removed = await retain(second.contents, rules, second.events)
    assert [removal.tag for removal in removed] == ["v1", ""]
    assert (await first.get("/v2/r/tags/list")).json["tags"] == ["v2"]


async def test_a_server_that_was_away_is_found_again():
    with postgres() as url:
        database = PostgresDatabase(url)
        await database.start()
        pids = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        )
        await database.write(lambda tx: tx.change("INSERT INTO tags VALUES ('r', 'a', '', 0)"))
        other = PostgresDatabase(url)
        await other.start()
        await other.write(lambda tx: tx.execute(pids))
        assert await database.read(lambda tx: tx.execute("SELECT name FROM tags")) == [("a",)]
        calls = []

        def cut_off(tx):
            calls.append(tx.execute("SELECT pg_backend_pid()")[0][0])
            if len(calls) == 1:
                tx.execute(f"SELECT pg_terminate_backend({calls[0]})")
            return tx.change("INSERT INTO tags VALUES ('r', 'b', '', 0)")

        # Before the commit, so nothing of it can have happened.
        assert await database.write(cut_off) == 1
        assert len(calls) == 2

        def newer(tx):
            tx.change("UPDATE version SET number = 99")

        await database.write(newer)
        await other.close()
        with pytest.raises(FailedPrecondition, match="newer"):
            await other.start()
        await other.close()
    with pytest.raises(Unavailable):
        await database.read(lambda tx: tx.execute("SELECT 1"))
    await database.close()


async def test_no_server_is_said_without_the_password():
    database = PostgresDatabase("postgresql://u:hidden@/x?host=/nonexistent")
    with pytest.raises(Unavailable) as caught:
        await database.start()
    assert "hidden" not in str(caught.value)
    await database.close()


async def test_an_error_of_work_leaves_the_connection_usable(pair):
    database = pair[0].contents.database

    def broken(tx):
        tx.change("INSERT INTO tags VALUES ('r', 'a', '', 0)")
        raise NotFound("nothing")

    with pytest.raises(NotFound):
        await database.write(broken)
    assert await database.read(lambda tx: tx.execute("SELECT * FROM tags")) == []
