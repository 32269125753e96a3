"""The state database: durable documents, transactions, versions."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import threading

import pytest

from baleen.errors import DataLoss, FailedPrecondition
from baleen.state.database import SCHEMA_VERSION, Database


def test_a_document_is_there_after_reopening(tmp_path):
    database = Database(tmp_path / "state.db")
    database.put("containers", "a", b"one")
    database.put("containers", "a", b"two")
    database.close()
    again = Database(tmp_path / "state.db")
    assert again.get("containers", "a") == b"two"
    assert again.all("containers") == [("a", b"two")]
    again.close()


def test_a_write_is_seen_although_the_writer_never_closed(tmp_path):
    database = Database(tmp_path / "state.db")
    database.put("volumes", "v", b"x")
    other = Database(tmp_path / "state.db")  # as after kill -9
    assert other.get("volumes", "v") == b"x"
    other.close()
    database.close()


def test_delete_means_that_it_is_gone(tmp_path):
    database = Database(tmp_path / "state.db")
    database.delete("images", "never there")
    database.put("images", "a", b"x")
    database.delete("images", "a")
    assert database.get("images", "a") is None
    database.close()


def test_a_failed_transaction_leaves_nothing(tmp_path):
    database = Database(tmp_path / "state.db")
    database.put("networks", "kept", b"1")

    def fail():
        with database.transaction():
            database.put("networks", "lost", b"2")
            with database.transaction():
                database.delete("networks", "kept")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert database.all("networks") == [("kept", b"1")]
    database.close()


def test_tables_do_not_share_keys(tmp_path):
    database = Database(tmp_path / "state.db")
    database.put("images", "k", b"image")
    database.put("volumes", "k", b"volume")
    assert database.get("images", "k") == b"image"
    database.close()


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "state.db").write_bytes(b"certainly not a database" * 100)
    with pytest.raises(DataLoss, match="cannot open the state database"):
        Database(tmp_path / "state.db")


def test_a_newer_schema_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "state.db"
    Database(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(FailedPrecondition, match="schema version"):
        Database(path)


def test_writers_in_several_threads_follow_one_another(tmp_path):
    database = Database(tmp_path / "state.db")
    database.put("settings", "n", b"0")

    def count():
        for _ in range(50):
            with database.transaction():
                value = int(database.get("settings", "n") or b"0")
                database.put("settings", "n", b"%d" % (value + 1))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert database.get("settings", "n") == b"200"
    database.close()


@pytest.mark.parametrize("size", [3 << 20])
def test_a_full_disk_leaves_room_for_what_frees_it(tmp_path, size):
    if os.geteuid() != 0:
        pytest.skip("needs root: mounts a small tmpfs")
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", tmp_path], check=True)
    try:
        database = Database(tmp_path / "state.db")
        with contextlib.suppress(OSError), (tmp_path / "ballast").open("wb", 0) as file:
            while True:
                file.write(bytes(4096))
        for number in range(200):
            database.put("containers", f"key{number % 20}", bytes(5000))
            database.delete("containers", f"key{number % 20}")
        database.close()
    finally:
        subprocess.run(["umount", "-l", tmp_path], check=True)
