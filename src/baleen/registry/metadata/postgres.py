"""Metadata in PostgreSQL, for several registries over one storage.

Each thread of a small pool has a connection of its own. A write is a transaction at READ COMMITTED:
its statements lock the rows they count in, in the order of digests, and conditions are looked at
once more after a wait; so the counts hold whichever process counts. What the database breaks off
(deadlock, serialization) is run again.

psycopg 3 is imported when such a database is configured: it is the extra `postgres`.

See: PostgreSQL manual, "Transaction Isolation", Read Committed.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from baleen.errors import (
    BaleenError,
    FailedPrecondition,
    InvalidArgument,
    ResourceExhausted,
    Unavailable,
)
from baleen.registry.metadata.schema import POSTGRES_TYPES, make_tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from baleen.registry.metadata.database import Row, Transaction, Value, Work

__all__ = ["PostgresDatabase"]

Result = TypeVar("Result")

_CONNECTIONS = 8
_CONNECT_TIMEOUT_S = 10
_TRIES = 5
# Taken while tables are made: two registries may start at once. Any number that nobody else takes.
_LOCK = 0x6261_6C65_656E


class _ConnectionLost(Exception):
    """The server went away before it was asked to commit: the work can be run again."""


class _Transaction:
    def __init__(self, cursor: psycopg.Cursor) -> None:
        self._cursor = cursor

    def execute(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        self._cursor.execute(_translated(sql), parameters)
        return self._cursor.fetchall() if self._cursor.description is not None else []

    def change(self, sql: str, parameters: Sequence[Value] = ()) -> int:
        self._cursor.execute(_translated(sql), parameters)
        return self._cursor.rowcount


@lru_cache(maxsize=256)
def _translated(sql: str) -> bytes:
    return sql.replace("?", "%s").encode()


class PostgresDatabase:
    """See the module's text.

    Raises:
        ResourceExhausted: the server's disk is full.
        Unavailable: the server cannot be reached, or went away; whether a commit that was under
            way then took place is not known.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._local = threading.local()
        self._threads: ThreadPoolExecutor | None = None
        self._open: list[psycopg.Connection] = []

    async def start(self) -> None:
        """Connect and make the tables."""
        try:
            import psycopg  # noqa: F401  # is it here?
        except ImportError as err:
            raise FailedPrecondition(
                f"the driver of PostgreSQL cannot be loaded: {err}",
                hint="install baleen-engine[postgres]; for the image registry do that where "
                "baleend is installed, and pull the image again",
            ) from err
        self._threads = ThreadPoolExecutor(_CONNECTIONS, thread_name_prefix="registry-postgres")
        await self.write(_prepare)

    async def close(self) -> None:
        """Finish what runs; then disconnect."""
        if self._threads is not None:
            threads, self._threads = self._threads, None
            await asyncio.to_thread(threads.shutdown)
        for connection in self._open:
            connection.close()
        self._open.clear()

    async def read(self, work: Work[Result]) -> Result:
        """Run `work` on one snapshot."""
        begin = b"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
        return await self._in_thread(work, begin)

    async def write(self, work: Work[Result]) -> Result:
        """Run `work`, again when the database breaks it off."""
        return await self._in_thread(work, b"")

    async def _in_thread(self, work: Work[Result], begin: bytes) -> Result:
        assert self._threads is not None
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._run, work, begin)

    def _run(self, work: Work[Result], begin: bytes) -> Result:
        from psycopg import Error, errors

        for left in reversed(range(_TRIES)):
            try:
                return self._once(work, begin)
            except (errors.SerializationFailure, errors.DeadlockDetected, _ConnectionLost) as err:
                if not left:
                    raise Unavailable("the registry's database breaks off all work") from err
            except Error as err:
                raise _translate_error(err) from err
        raise AssertionError

    def _once(self, work: Work[Result], begin: bytes) -> Result:
        from psycopg import OperationalError

        connection = self._connection()
        is_committing = False
        try:
            with connection.transaction(), connection.cursor() as cursor:
                if begin:
                    cursor.execute(begin)
                result = work(_Transaction(cursor))
                is_committing = True
                return result
        except OperationalError as err:
            if connection.broken and not is_committing:
                raise _ConnectionLost from err
            raise
        finally:
            if connection.broken:
                self._forget(connection)

    def _connection(self) -> psycopg.Connection:
        import psycopg

        found: psycopg.Connection | None = getattr(self._local, "connection", None)
        if found is not None and not found.closed and self._is_alive(found):
            return found
        connection = psycopg.connect(self._url, autocommit=True, connect_timeout=_CONNECT_TIMEOUT_S)
        self._local.connection = connection
        self._open.append(connection)
        return connection

    def _is_alive(self, connection: psycopg.Connection) -> bool:
        """Say whether the server still holds it: an idle socket that can be read was closed."""
        import select

        with suppress(OSError, ValueError):
            poll = select.poll()
            poll.register(connection.fileno(), select.POLLIN)
            if not poll.poll(0):
                return True
        self._forget(connection)
        return False

    def _forget(self, connection: psycopg.Connection) -> None:
        connection.close()
        self._local.connection = None
        with suppress(ValueError):
            self._open.remove(connection)


def _prepare(tx: Transaction) -> None:
    tx.execute("SELECT pg_advisory_xact_lock(?)", (_LOCK,))
    make_tables(tx, POSTGRES_TYPES, "the database")


def _translate_error(err: psycopg.Error) -> BaleenError:
    from psycopg import OperationalError, errors

    # The server's words, on one line; never the address, which may hold a password.
    text = (err.diag.message_primary or type(err).__name__).splitlines()[0]
    if isinstance(err, errors.DiskFull):
        return ResourceExhausted("no space left on device: the registry's database cannot grow")
    if isinstance(err, OperationalError):
        return Unavailable(f"the registry's database cannot be used now: {text}")
    return InvalidArgument(f"the registry's database refused a value: {text}")
