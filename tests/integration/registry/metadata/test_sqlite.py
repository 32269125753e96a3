"""The SQLite database: transactions, shared commits, and what another process does."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from baleen.errors import DataLoss, FailedPrecondition, InvalidArgument, NotFound
from baleen.registry.metadata.sqlite import SqliteDatabase


@pytest.fixture
async def database(tmp_path):
    it = SqliteDatabase(tmp_path / "registry.db")
    await it.start()
    yield it
    await it.close()


def put(name):
    return lambda tx: tx.change("INSERT INTO tags VALUES ('r', ?, 'd', 0)", (name,))


def names(tx):
    return [name for (name,) in tx.execute("SELECT name FROM tags ORDER BY name")]


async def test_what_is_written_is_read(database):
    assert await database.write(put("a")) == 1
    assert await database.read(names) == ["a"]


async def test_an_error_undoes_its_own_work_only(database):
    def broken(tx):
        put("broken")(tx)
        raise NotFound("nothing")

    async with asyncio.TaskGroup() as group:
        for name in "abc":
            group.create_task(database.write(put(name)))
        with pytest.raises(NotFound):
            await database.write(broken)
    assert await database.read(names) == ["a", "b", "c"]


async def test_many_writers_share_commits(database):
    statements = []
    original = database._run_batch

    def counted(connection, batch):
        statements.append(len(batch))
        original(connection, batch)

    database._run_batch = counted
    async with asyncio.TaskGroup() as group:
        for number in range(500):
            group.create_task(database.write(put(str(number))))
    assert sum(statements) == 500
    assert len(statements) < 100
    assert len(await database.read(names)) == 500


async def test_a_cancelled_waiter_harms_nobody(database):
    task = asyncio.ensure_future(database.write(put("a")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await database.write(put("b"))
    assert "b" in await database.read(names)


async def test_a_reader_cannot_write(database):
    with pytest.raises(Exception, match="readonly"):
        await database.read(put("a"))


async def test_what_another_process_writes_is_seen(database, tmp_path):
    other = sqlite3.connect(tmp_path / "registry.db")
    with other:
        put_other = "INSERT INTO tags VALUES ('r', 'other', 'd', 0)"
        other.execute(put_other)
    other.close()
    assert await database.read(names) == ["other"]


async def test_it_is_there_after_a_restart(tmp_path):
    for name in "ab":
        database = SqliteDatabase(tmp_path / "registry.db")
        await database.start()
        await database.write(put(name))
        await database.close()
    assert (tmp_path / "registry.db").stat().st_mode & 0o777 == 0o600
    database = SqliteDatabase(tmp_path / "registry.db")
    await database.start()
    assert await database.read(names) == ["a", "b"]
    await database.close()


async def test_a_newer_schema_is_not_touched(tmp_path):
    database = SqliteDatabase(tmp_path / "registry.db")
    await database.start()
    await database.write(lambda tx: tx.change("UPDATE version SET number = 99"))
    await database.close()
    with pytest.raises(FailedPrecondition, match="newer"):
        await database.start()
    await database.close()


async def test_a_place_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    database = SqliteDatabase(tmp_path / "file/registry.db")
    with pytest.raises(InvalidArgument, match="cannot make"):
        await database.start()
    await database.close()
    database = SqliteDatabase(tmp_path / "new/deep/registry.db")
    await database.start()
    await database.close()


async def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "registry.db").write_bytes(b"not a database at all" * 100)
    database = SqliteDatabase(tmp_path / "registry.db")
    with pytest.raises(DataLoss):
        await database.start()
    await database.close()
