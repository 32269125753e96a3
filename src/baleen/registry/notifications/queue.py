"""The durable queue of events that wait for their endpoints.

A row is with the kernel when `add` returns (SQLite's WAL, written, not flushed): killing the
process loses none, a power cut perhaps the last ones. Tens of microseconds, so it may run on the
loop.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from baleen.errors import Unavailable

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["EventQueue"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS event (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint TEXT NOT NULL,
    content BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS event_endpoint ON event (endpoint, number);
"""


class EventQueue:
    """Events in order, for each endpoint.

    Args:
        path: of the database; its directory exists.
        most: events that wait for one endpoint; above that its oldest are given up.

    Raises:
        Unavailable: it cannot be opened.
    """

    def __init__(self, path: Path | str, *, most: int = 100_000) -> None:
        self._most = most
        try:
            self._database = sqlite3.connect(path, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            # Nothing is ever flushed: neither a push nor the loop waits for the disk.
            self._database.execute("PRAGMA synchronous=OFF")
            self._database.executescript(_SCHEMA)
            self._waiting: dict[str, int] = dict(
                self._database.execute("SELECT endpoint, count(*) FROM event GROUP BY endpoint")
            )
        except sqlite3.Error as err:
            raise Unavailable(f"cannot open the queue of events at {path}: {err}") from err

    def close(self) -> None:
        """Close the database; what waits stays."""
        self._database.close()

    def add(self, endpoint: str, content: bytes) -> int:
        """Add an event; return how many old ones were given up for it."""
        self._database.execute(
            "INSERT INTO event (endpoint, content) VALUES (?, ?)", (endpoint, content)
        )
        waiting = self._waiting.get(endpoint, 0) + 1
        given_up = 0
        if waiting > self._most:
            given_up = self._database.execute(
                "DELETE FROM event WHERE number IN"
                " (SELECT number FROM event WHERE endpoint = ? ORDER BY number LIMIT ?)",
                (endpoint, waiting - self._most),
            ).rowcount
        self._waiting[endpoint] = waiting - given_up
        return given_up

    def oldest(self, endpoint: str, most: int) -> tuple[int, list[bytes]]:
        """Return the number of the last of the oldest events, and these; (0, []) without any."""
        rows = self._database.execute(
            "SELECT number, content FROM event WHERE endpoint = ? ORDER BY number LIMIT ?",
            (endpoint, most),
        ).fetchall()
        return (rows[-1][0] if rows else 0), [content for _, content in rows]

    def remove(self, endpoint: str, last: int) -> None:
        """Remove an endpoint's events up to number `last`."""
        removed = self._database.execute(
            "DELETE FROM event WHERE endpoint = ? AND number <= ?", (endpoint, last)
        ).rowcount
        self._waiting[endpoint] = self._waiting.get(endpoint, 0) - removed

    def waiting(self, endpoint: str) -> int:
        """Return how many events wait for an endpoint."""
        return self._waiting.get(endpoint, 0)

    def forget_others(self, endpoints: frozenset[str]) -> None:
        """Remove events for endpoints that are not configured any more."""
        for endpoint in set(self._waiting) - endpoints:
            self._database.execute("DELETE FROM event WHERE endpoint = ?", (endpoint,))
            del self._waiting[endpoint]
