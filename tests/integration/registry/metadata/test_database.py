"""The contract of databases, which each of them fulfils."""

from __future__ import annotations

import asyncio

import pytest

from baleen.errors import InvalidArgument, NotFound
from baleen.registry.metadata.postgres import PostgresDatabase
from baleen.registry.metadata.sqlite import SqliteDatabase


@pytest.fixture(params=["sqlite", "postgres"])
async def database(request, tmp_path):
    if request.param == "sqlite":
        it = SqliteDatabase(tmp_path / "registry.db")
    else:
        it = PostgresDatabase(request.getfixturevalue("postgres_url"))
    await it.start()
    await it.write(empty)
    yield it
    await it.close()


def empty(tx):
    for table in ("blobs", "links", "manifests", "edges", "tags"):
        tx.change(f"DELETE FROM {table}")


async def test_values_come_back_as_they_were(database):
    row = ("r", "sha256:é", "m", "", "", None, b"\0\xff", 1.5)
    await database.write(
        lambda tx: tx.change("INSERT INTO manifests VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    )
    ((*texts, descriptor, payload, pushed),) = await database.read(
        lambda tx: tx.execute("SELECT * FROM manifests WHERE digest = ?", ("sha256:é",))
    )
    assert texts == list(row[:5])
    assert (descriptor, bytes(payload), pushed) == (None, b"\0\xff", 1.5)


async def test_text_is_ordered_by_its_bytes(database):
    for name in ("a", "B", "_", "é", "Z"):
        await database.write(
            lambda tx, name=name: tx.change("INSERT INTO tags VALUES ('r', ?, '', 0)", (name,))
        )
    rows = await database.read(lambda tx: tx.execute("SELECT name FROM tags ORDER BY name"))
    assert [name for (name,) in rows] == ["B", "Z", "_", "a", "é"]


async def test_a_change_counts_its_rows(database):
    await database.write(lambda tx: tx.change("INSERT INTO tags VALUES ('r', 'a', '', 0)"))
    insert = "INSERT INTO tags VALUES ('r', 'a', '', 1) ON CONFLICT DO NOTHING"
    assert await database.write(lambda tx: tx.change(insert)) == 0
    assert await database.write(lambda tx: tx.change("UPDATE tags SET updated = 2")) == 1
    rows = await database.write(lambda tx: tx.execute("DELETE FROM tags RETURNING updated"))
    assert rows == [(2,)]


async def test_errors_of_work_are_its_callers(database):
    def work(tx):
        tx.change("INSERT INTO tags VALUES ('r', 'a', '', 0)")
        raise NotFound("nothing")

    with pytest.raises(NotFound):
        await database.write(work)
    assert await database.read(lambda tx: tx.execute("SELECT * FROM tags")) == []


async def test_a_refused_value_harms_no_other_work(database):
    insert = "INSERT INTO tags VALUES ('r', 'a', '', 0)"
    await database.write(lambda tx: tx.change(insert))
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(
                database.write(
                    lambda tx, n=number: tx.change(
                        "INSERT INTO tags VALUES ('r', ?, '', 0)", (str(n),)
                    )
                )
            )
            for number in range(5)
        ]
        with pytest.raises(InvalidArgument):
            await database.write(lambda tx: tx.change(insert))
    assert [task.result() for task in tasks] == [1] * 5


async def test_counting_by_many_at_once_loses_nothing(database):
    await database.write(lambda tx: tx.change("INSERT INTO blobs VALUES ('d', 1, 'l', 0)"))
    count = "UPDATE blobs SET links = links + 1 WHERE digest = 'd'"
    async with asyncio.TaskGroup() as group:
        for _ in range(50):
            group.create_task(database.write(lambda tx: tx.change(count)))
    rows = await database.read(lambda tx: tx.execute("SELECT links FROM blobs"))
    assert rows == [(50,)]
