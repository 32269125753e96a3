"""One SQLite database (WAL) of JSON documents, with a schema version.

A write is durable against a crash of the daemon as soon as the call returns, and against a power
loss after the next checkpoint (`synchronous=NORMAL`: the file can lose the last transactions but
never be torn). Calls block for some tens of microseconds, and may be made from any thread: one
lock makes them follow one another, for the whole of a transaction.

See: https://www.sqlite.org/wal.html, https://www.sqlite.org/pragma.html#pragma_synchronous
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from baleen.errors import DataLoss, FailedPrecondition, ResourceExhausted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["SCHEMA_VERSION", "Database", "Table"]

Table = Literal[
    "containers",
    "images",
    "layers",
    "networks",
    "volumes",
    "leases",
    "settings",
    "build_cache",
    "build_cache_parts",
]

_FIRST_TABLES: tuple[Table, ...] = (
    "containers",
    "images",
    "layers",
    "networks",
    "volumes",
    "leases",
    "settings",
)

# Migrations in order: entry n brings a database of version n to version n + 1, in one transaction.
_MIGRATIONS: tuple[tuple[str, ...], ...] = (
    tuple(
        f"CREATE TABLE {table} (key TEXT PRIMARY KEY, document BLOB NOT NULL) WITHOUT ROWID"
        for table in _FIRST_TABLES
    ),
    tuple(
        f"CREATE TABLE {table} (key TEXT PRIMARY KEY, document BLOB NOT NULL) WITHOUT ROWID"
        for table in ("build_cache", "build_cache_parts")
    ),
)
SCHEMA_VERSION = len(_MIGRATIONS)

_RESERVE_BYTES = 1 << 20


class Database:
    """JSON documents by table and key; each call is one transaction unless inside `transaction()`.

    Raises:
        FailedPrecondition: the file was written by a newer Baleen.
        DataLoss: the file is not a database, or is damaged.
        ResourceExhausted: the disk is full; nothing was changed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._depth = 0
        self._lock = threading.RLock()
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._migrate()
            self._reserve()
        except sqlite3.DatabaseError as err:
            raise DataLoss(f"cannot open the state database {path}: {err}") from err

    def _migrate(self) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise FailedPrecondition(
                f"the state database {self._path} has schema version {version}, "
                f"this version of baleend knows {SCHEMA_VERSION}",
                hint="use the newer baleend again, or another data root",
            )
        for number in range(version, SCHEMA_VERSION):
            with self.transaction():
                for statement in _MIGRATIONS[number]:
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA user_version={number + 1}")

    def _reserve(self) -> None:
        """Keep room in both files, so that what frees a full disk can still be written.

        Free pages stay in the database, and the log of the checkpoint stays as long as it was
        once; both are written over in place.
        """
        (free,) = self._connection.execute("PRAGMA freelist_count").fetchone()
        (page_bytes,) = self._connection.execute("PRAGMA page_size").fetchone()
        if free * page_bytes >= _RESERVE_BYTES // 2:
            return
        try:
            with self.transaction():
                self._connection.execute("CREATE TABLE reserve (room BLOB)")
                self._connection.execute(
                    "INSERT INTO reserve VALUES (zeroblob(?))", (_RESERVE_BYTES,)
                )
                self._connection.execute("DROP TABLE reserve")
            self._checkpoint()
        except (ResourceExhausted, sqlite3.OperationalError):
            return  # the disk is full already: without a reserve it is as far as we get

    def _checkpoint(self) -> None:
        """Bring the log into the database; the next write begins at the log's start."""
        self._connection.execute("PRAGMA wal_checkpoint(RESTART)")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside take effect together, or none when the block raises. May nest."""
        with self._lock:
            if self._depth:
                yield
                return
            self._connection.execute("BEGIN IMMEDIATE")
            self._depth = 1
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            else:
                self._commit()
            finally:
                self._depth = 0

    def _commit(self) -> None:
        try:
            self._connection.execute("COMMIT")
        except sqlite3.OperationalError as err:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise self._full(err) from err

    def _full(self, err: sqlite3.OperationalError) -> ResourceExhausted:
        full = "no space left on device: " if err.sqlite_errorcode == sqlite3.SQLITE_FULL else ""
        return ResourceExhausted(f"{full}cannot write the state database {self._path}: {err}")

    def put(self, table: Table, key: str, document: bytes) -> None:
        """Store `document` under `key`, replacing what was there."""
        self._write(
            f"INSERT INTO {table} VALUES (?, ?) "  # noqa: S608  # a Literal, never input
            "ON CONFLICT (key) DO UPDATE SET document = excluded.document",
            (key, document),
        )

    def delete(self, table: Table, key: str) -> None:
        """Remove the document under `key`; success means that it is gone."""
        self._write(
            f"DELETE FROM {table} WHERE key = ?",  # noqa: S608  # a Literal, never input
            (key,),
        )

    def _write(self, statement: str, values: tuple[str | bytes, ...]) -> None:
        with self._lock:
            try:
                self._connection.execute(statement, values)
            except sqlite3.OperationalError as err:
                if self._depth or err.sqlite_errorcode != sqlite3.SQLITE_FULL:
                    raise self._full(err) from err
                self._write_again(statement, values)

    def _write_again(self, statement: str, values: tuple[str | bytes, ...]) -> None:
        """Write on a full disk: what was reserved is used once the log begins anew."""
        try:
            self._checkpoint()
            self._connection.execute(statement, values)
        except sqlite3.OperationalError as err:
            raise self._full(err) from err

    def get(self, table: Table, key: str) -> bytes | None:
        """Return the document under `key`, or None."""
        with self._lock:
            row = self._connection.execute(
                f"SELECT document FROM {table} WHERE key = ?",  # noqa: S608  # a Literal
                (key,),
            ).fetchone()
        return None if row is None else bytes(row[0])

    def all(self, table: Table) -> list[tuple[str, bytes]]:
        """Return every (key, document) of the table, ordered by key. Meant for start-up."""
        with self._lock:
            rows = self._connection.execute(
                f"SELECT key, document FROM {table} ORDER BY key"  # noqa: S608  # a Literal
            ).fetchall()
        return [(key, bytes(document)) for key, document in rows]

    def close(self) -> None:
        """Checkpoint and close; the object cannot be used afterwards."""
        self._connection.close()
