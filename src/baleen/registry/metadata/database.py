"""The interface of databases, small enough for any SQL one.

Work is a plain blocking function of a transaction; it runs in a thread of the database's. It may
run again when the database asks for a retry, so it has no effects but its statements and its
result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

__all__ = ["Database", "Row", "Transaction", "Value", "Work"]

Value: TypeAlias = str | bytes | int | float | None
# Columns are what the statement says they are.
Row: TypeAlias = tuple[Any, ...]
Result = TypeVar("Result")


class Transaction(Protocol):
    """One transaction; statements use `?` and the SQL that SQLite and PostgreSQL share."""

    def execute(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """Run one statement; return its rows."""
        ...

    def change(self, sql: str, parameters: Sequence[Value] = ()) -> int:
        """Run one statement; return how many rows it changed."""
        ...


Work: TypeAlias = Callable[[Transaction], Result]


class Database(Protocol):
    """A database with the tables of `schema`."""

    async def start(self) -> None:
        """Connect and make or migrate the tables.

        Raises:
            FailedPrecondition: the database was written by a newer version.
            Unavailable: it cannot be reached.
        """

    async def close(self) -> None:
        """Finish all work and disconnect."""

    async def read(self, work: Work[Result]) -> Result:
        """Return the result of `work`, which sees one state and changes nothing."""
        ...

    async def write(self, work: Work[Result]) -> Result:
        """Run `work`; when this returns, its changes are durable and visible to all.

        What `work` raises is raised here, and none of its changes stays.
        """
        ...
