"""Refresh tokens: what a client keeps instead of a password (`docker login` with OAuth2).

A token is 32 random bytes; the database has its SHA-256, so a stolen copy of it opens nothing. A
token belongs to one account as it was (its generation), one service and one client. It dies with a
logout, a changed password, the account, or after `life_s` without use.

One SQLite file, one writer; calls take well under a millisecond except for the commit. All raise
Unavailable if the database cannot be read or written, as on a full disk.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING

from baleen.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.registry.auth.accounts import Account

__all__ = ["RefreshTokens"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS refresh_token (
    digest BLOB PRIMARY KEY,
    account TEXT NOT NULL,
    generation TEXT NOT NULL,
    service TEXT NOT NULL,
    client TEXT NOT NULL,
    used_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS refresh_token_account ON refresh_token (account);
"""
_MOST_OF_ONE_ACCOUNT = 100
# Use is noted once a day at most, so that asking for tokens writes nothing as a rule.
_NOTED_EVERY_S = 86_400


class RefreshTokens:
    """The refresh tokens that are out.

    Args:
        path: of the database, which only its owner can read; directories are made.
        life_s: after which an unused token is void.
        clock: seconds since the epoch.

    Raises:
        Unavailable: it cannot be opened.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        life_s: int = 90 * 86_400,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._life_s = life_s
        self._clock = clock
        try:
            if path != ":memory:":
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._database = sqlite3.connect(path, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=FULL")
            self._database.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as err:
            raise Unavailable(f"cannot open the refresh tokens at {path}: {err}") from err

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def issue(self, account: Account, service: str, client: str) -> str:
        """Return a new token; of more than 100 of an account the oldest go."""
        token = secrets.token_urlsafe(32)
        now = int(self._clock())
        self._execute(
            "INSERT INTO refresh_token VALUES (?, ?, ?, ?, ?, ?)",
            (_digest(token), account.name, account.generation, service, client[:255], now),
        )
        self._execute(
            "DELETE FROM refresh_token WHERE used_at < ? OR (account = ? AND digest NOT IN"
            " (SELECT digest FROM refresh_token WHERE account = ?"
            " ORDER BY used_at DESC, digest = ? DESC LIMIT ?))",
            (now - self._life_s, account.name, account.name, _digest(token), _MOST_OF_ONE_ACCOUNT),
        )
        return token

    def holder(self, token: str, service: str) -> tuple[str, str] | None:
        """Return name and generation of the account that a token was given to, or None."""
        now = int(self._clock())
        digest = _digest(token)
        row = self._execute(
            "SELECT account, generation, used_at FROM refresh_token"
            " WHERE digest = ? AND service = ?",
            (digest, service),
        ).fetchone()
        if row is None or row[2] < now - self._life_s:
            return None
        if row[2] < now - _NOTED_EVERY_S:
            self._execute("UPDATE refresh_token SET used_at = ? WHERE digest = ?", (now, digest))
        return row[0], row[1]

    def revoke(self, token: str) -> None:
        """Make a token void; success means that it is, not that it was there."""
        self._execute("DELETE FROM refresh_token WHERE digest = ?", (_digest(token),))

    def revoke_all(self, account: str) -> None:
        """Make all tokens of an account void."""
        self._execute("DELETE FROM refresh_token WHERE account = ?", (account,))

    def _execute(self, statement: str, values: tuple[object, ...]) -> sqlite3.Cursor:
        try:
            return self._database.execute(statement, values)
        except sqlite3.Error as err:
            raise Unavailable(f"the refresh tokens cannot be used: {err}") from err


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()
