"""Statements about tags and the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from baleen.registry.metadata.database import Transaction

__all__ = ["catalog", "list_tags", "remove_tag"]


def list_tags(tx: Transaction, repository: str, last: str, limit: int) -> list[str] | None:
    """Return up to `limit` tags after `last`; None when there is no such repository.

    The order is the specification's, "case-insensitive alphanumeric", and by bytes among equals.
    """
    rows = tx.execute(
        "SELECT name FROM tags WHERE repository = ? AND (lower(name), name) > (?, ?) "
        "ORDER BY lower(name), name LIMIT ?",
        (repository, last.lower(), last, limit),
    )
    if not rows and not _is_known(tx, repository):
        return None
    return [name for (name,) in rows]


def _is_known(tx: Transaction, repository: str) -> bool:
    return any(
        tx.execute(statement, (repository,))
        for statement in (
            "SELECT 1 FROM manifests WHERE repository = ? LIMIT 1",
            "SELECT 1 FROM links WHERE repository = ? LIMIT 1",
        )
    )


def remove_tag(tx: Transaction, repository: str, tag: str) -> str | None:
    """Remove the tag; return the digest at which it pointed, or None when there is none."""
    rows = tx.execute(
        "DELETE FROM tags WHERE repository = ? AND name = ? RETURNING digest", (repository, tag)
    )
    return rows[0][0] if rows else None


def catalog(tx: Transaction, last: str, limit: int) -> list[str]:
    """Return up to `limit` names, after `last`, of repositories that hold a manifest."""
    # Each step is one look into the index, however many manifests a repository has.
    rows = tx.execute(
        "WITH RECURSIVE names(name) AS (SELECT MIN(repository) FROM manifests WHERE repository > ? "
        "UNION ALL SELECT (SELECT MIN(repository) FROM manifests WHERE repository > names.name) "
        "FROM names WHERE names.name IS NOT NULL) "
        "SELECT name FROM names WHERE name IS NOT NULL LIMIT ?",
        (last, limit),
    )
    return [name for (name,) in rows]
