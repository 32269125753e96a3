"""The tables, in the SQL that SQLite and PostgreSQL share, and their version.

    blobs      digest ► location, size; links = how many repositories may use it
    links      repository, digest ► size; refs = how many manifests there name it
    manifests  repository, digest ► the document itself
    edges      repository, parent manifest ► child, a blob or a manifest
    tags       repository, name ► digest of a manifest

A repository is there as long as a link or a manifest names it.

`idle_since` (UTC seconds) is when a count last fell to 0 or a client was last told that the thing
is there. Text compares by its bytes: `{text}` is a type that does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from baleen.errors import FailedPrecondition

if TYPE_CHECKING:
    from baleen.registry.metadata.database import Transaction

__all__ = ["POSTGRES_TYPES", "SQLITE_TYPES", "VERSION", "Types", "make_tables", "statements"]

VERSION = 1


@dataclass(frozen=True, slots=True)
class Types:
    """The names that differ between the databases."""

    text: str
    data: str
    integer: str
    time: str
    tail: str


SQLITE_TYPES = Types("TEXT", "BLOB", "INTEGER", "REAL", " WITHOUT ROWID")
POSTGRES_TYPES = Types('TEXT COLLATE "C"', "BYTEA", "BIGINT", "DOUBLE PRECISION", "")

_TABLES = (
    "CREATE TABLE IF NOT EXISTS version (number {integer} NOT NULL)",
    """CREATE TABLE IF NOT EXISTS blobs (
        digest {text} PRIMARY KEY,
        size {integer} NOT NULL,
        location {text} NOT NULL,
        links {integer} NOT NULL
    ){tail}""",
    "CREATE INDEX IF NOT EXISTS blobs_unlinked ON blobs (digest) WHERE links = 0",
    """CREATE TABLE IF NOT EXISTS links (
        repository {text} NOT NULL,
        digest {text} NOT NULL,
        size {integer} NOT NULL,
        refs {integer} NOT NULL,
        idle_since {time} NOT NULL,
        PRIMARY KEY (repository, digest)
    ){tail}""",
    "CREATE INDEX IF NOT EXISTS links_digest ON links (digest, repository)",
    "CREATE INDEX IF NOT EXISTS links_idle ON links (idle_since) WHERE refs = 0",
    """CREATE TABLE IF NOT EXISTS manifests (
        repository {text} NOT NULL,
        digest {text} NOT NULL,
        media_type {text} NOT NULL,
        artifact_type {text} NOT NULL,
        subject {text} NOT NULL,
        descriptor {data},
        payload {data} NOT NULL,
        pushed {time} NOT NULL,
        PRIMARY KEY (repository, digest)
    )""",
    """CREATE INDEX IF NOT EXISTS manifests_subject
        ON manifests (repository, subject, digest) WHERE subject <> ''""",
    """CREATE TABLE IF NOT EXISTS edges (
        repository {text} NOT NULL,
        parent {text} NOT NULL,
        child {text} NOT NULL,
        is_blob {integer} NOT NULL,
        PRIMARY KEY (repository, parent, child)
    ){tail}""",
    "CREATE INDEX IF NOT EXISTS edges_child ON edges (repository, child)",
    """CREATE TABLE IF NOT EXISTS tags (
        repository {text} NOT NULL,
        name {text} NOT NULL,
        digest {text} NOT NULL,
        updated {time} NOT NULL,
        PRIMARY KEY (repository, name)
    ){tail}""",
    "CREATE INDEX IF NOT EXISTS tags_order ON tags (repository, lower(name), name)",
    "CREATE INDEX IF NOT EXISTS tags_digest ON tags (repository, digest)",
)


def statements(types: Types) -> list[str]:
    """Return what makes the tables where they are absent."""
    return [
        table.format(
            text=types.text,
            data=types.data,
            integer=types.integer,
            time=types.time,
            tail=types.tail,
        )
        for table in _TABLES
    ]


def make_tables(tx: Transaction, types: Types, database: str) -> None:
    """Make the tables where they are absent, and the row that says their version.

    Raises:
        FailedPrecondition: a newer version of this program wrote `database`, by its name.
    """
    for statement in statements(types):
        tx.execute(statement)
    rows = tx.execute("SELECT number FROM version")
    if not rows:
        tx.execute("INSERT INTO version VALUES (?)", (VERSION,))
    elif rows[0][0] > VERSION:
        raise FailedPrecondition(
            f"{database} was written by a newer version (schema {rows[0][0]}, this program knows "
            f"{VERSION})"
        )
