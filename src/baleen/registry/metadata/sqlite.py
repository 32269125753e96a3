"""Metadata in one SQLite file.

One thread writes. It takes all the work that is waiting, runs each in a savepoint of one
transaction, and commits once: an fsync is shared by all requests that arrived during the one
before, and each is told only after it. Readers have connections of their own and never wait for the
writer (write-ahead log). Other processes, such as `baleen registry gc`, may work on the same file.

See: sqlite.org/wal.html, pragma.html#pragma_synchronous.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from baleen.errors import (
    BaleenError,
    DataLoss,
    InvalidArgument,
    ResourceExhausted,
    Unavailable,
)
from baleen.registry.metadata.schema import SQLITE_TYPES, make_tables

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from baleen.registry.metadata.database import Row, Value, Work

__all__ = ["SqliteDatabase"]

Result = TypeVar("Result")

_BUSY_TIMEOUT_S = 20
_BATCH = 256
_READERS = 3


class _Transaction:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        return self._connection.execute(sql, parameters).fetchall()

    def change(self, sql: str, parameters: Sequence[Value] = ()) -> int:
        return self._connection.execute(sql, parameters).rowcount


class _Job:
    """Work of one request, and where its result goes."""

    __slots__ = ("error", "future", "loop", "result", "work")

    def __init__(self, work: Work[Any], loop: asyncio.AbstractEventLoop) -> None:
        self.work = work
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.result: object = None
        self.error: BaseException | None = None

    def settle(self) -> None:
        """Tell the waiter, unless it has gone; on its loop."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class SqliteDatabase:
    """See the module's text. One event loop uses it.

    Raises:
        ResourceExhausted: the disk is full; nothing was changed.
        Unavailable: another process held the file too long.
        DataLoss: the file is damaged.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._local = threading.local()
        self._writer: threading.Thread | None = None
        self._readers: ThreadPoolExecutor | None = None
        self._open: list[sqlite3.Connection] = []

    async def start(self) -> None:
        """Make the file and its tables, and the threads."""
        loop = asyncio.get_running_loop()
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="registry-read")
        await loop.run_in_executor(self._readers, self._prepare)
        self._writer = threading.Thread(target=self._write_loop, name="registry-write", daemon=True)
        self._writer.start()

    async def close(self) -> None:
        """Finish what is queued; then close all connections."""
        loop = asyncio.get_running_loop()
        if self._writer is not None:
            self._jobs.put(None)
            await loop.run_in_executor(self._readers, self._writer.join)
            self._writer = None
        if self._readers is not None:
            self._readers.shutdown()
            self._readers = None
        for connection in self._open:
            connection.close()
        self._open.clear()

    async def read(self, work: Work[Result]) -> Result:
        """Run `work` in a reader's thread."""
        assert self._readers is not None
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    async def write(self, work: Work[Result]) -> Result:
        """Queue `work` for the writer; a cancelled waiter does not stop it."""
        job = _Job(work, asyncio.get_running_loop())
        self._jobs.put(job)
        return await job.future  # type: ignore[no-any-return]  # of this very work

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._file, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA cache_size=-8000")
        self._open.append(connection)
        return connection

    def _prepare(self) -> None:
        try:
            # With the blobs elsewhere nobody else makes it.
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file.touch(mode=0o600)
        except OSError as err:
            raise InvalidArgument(f"cannot make {self._file}: {err.strerror}") from err
        connection = sqlite3.connect(self._file, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
        transaction = _Transaction(connection)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("BEGIN IMMEDIATE")
            make_tables(transaction, SQLITE_TYPES, str(self._file))
            connection.execute("COMMIT")
        except sqlite3.Error as err:
            raise _translate(err) from err
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            connection.close()

    def _read(self, work: Work[Result]) -> Result:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._connect()
            connection.execute("PRAGMA query_only=ON")
            self._local.connection = connection
        try:
            connection.execute("BEGIN")
            return work(_Transaction(connection))
        except sqlite3.Error as err:
            raise _translate(err) from err
        finally:
            if connection.in_transaction:
                connection.execute("COMMIT")

    def _write_loop(self) -> None:
        connection = self._connect()
        while (job := self._jobs.get()) is not None:
            batch = [job]
            last = False
            while len(batch) < _BATCH:
                try:
                    more = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    last = True
                    break
                batch.append(more)
            self._run_batch(connection, batch)
            _settle(batch)
            if last:
                break

    def _run_batch(self, connection: sqlite3.Connection, batch: list[_Job]) -> None:
        transaction = _Transaction(connection)
        try:
            connection.execute("BEGIN IMMEDIATE")
            for job in batch:
                _run_job(connection, transaction, job)
            connection.execute("COMMIT")
        except sqlite3.Error as err:
            if connection.in_transaction:
                with suppress(sqlite3.Error):  # of a disk that is gone: the first error is told
                    connection.execute("ROLLBACK")
            for job in batch:
                job.error = _translate(err)


def _run_job(connection: sqlite3.Connection, transaction: _Transaction, job: _Job) -> None:
    connection.execute("SAVEPOINT job")
    try:
        job.result = job.work(transaction)
    except (sqlite3.OperationalError, sqlite3.InternalError):
        # A full disk or a damaged file is not this job's alone.
        raise
    except Exception as err:  # whatever it is, it is its waiter's
        job.error = _translate(err) if isinstance(err, sqlite3.Error) else err
        connection.execute("ROLLBACK TO job")
    connection.execute("RELEASE job")


def _settle(batch: list[_Job]) -> None:
    loop = batch[0].loop

    def settle_all() -> None:
        for job in batch:
            job.settle()

    # A loop that was closed meanwhile has nobody waiting.
    if not loop.is_closed():
        loop.call_soon_threadsafe(settle_all)


def _translate(err: sqlite3.Error) -> BaleenError:
    name = getattr(err, "sqlite_errorname", "")
    if name.startswith("SQLITE_FULL"):
        return ResourceExhausted("no space left on device: the registry's database cannot grow")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_IOERR", "SQLITE_CANTOPEN")):
        return Unavailable(f"the registry's database cannot be used now: {err}")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return DataLoss(f"the registry's database is damaged: {err}")
    return InvalidArgument(f"the registry's database refused a value: {err}")
