"""The tables are the same in both databases but for the names of types."""

from __future__ import annotations

import sqlite3

from baleen.registry.metadata.schema import POSTGRES_TYPES, SQLITE_TYPES, statements


def test_sqlite_makes_them_twice_without_complaint():
    connection = sqlite3.connect(":memory:")
    for _ in range(2):
        for statement in statements(SQLITE_TYPES):
            connection.execute(statement)
    connection.close()


def test_postgresql_compares_text_by_bytes():
    tables = [text for text in statements(POSTGRES_TYPES) if "CREATE TABLE" in text]
    assert any('name TEXT COLLATE "C" NOT NULL' in text for text in tables)
    assert not any("ROWID" in text or "{" in text for text in tables)
