"""Statements of the collection: what nothing counts any more.

Each looks and removes in one transaction, in small steps, so that a push waits for none of them
longer than for another push.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from baleen.registry.metadata.database import Transaction

__all__ = ["Idle", "drop_blobs", "drop_links", "foresee", "idle_links", "named"]


@dataclass(frozen=True, slots=True)
class Idle:
    """A blob that no manifest of the repository names."""

    repository: str
    digest: str
    size: int


def idle_links(tx: Transaction, before: float, limit: int) -> list[Idle]:
    """Return links without a manifest that were idle already at `before`."""
    rows = tx.execute(
        "SELECT repository, digest, size FROM links WHERE refs = 0 AND idle_since < ? "
        "ORDER BY idle_since LIMIT ?",
        (before, limit),
    )
    return [Idle(*row) for row in rows]


def drop_links(tx: Transaction, links: list[Idle], before: float) -> int:
    """Remove those of `links` that are idle still; return how many."""
    dropped = 0
    for link in links:
        # The conditions once more: a manifest or a client may have come since.
        if tx.change(
            "DELETE FROM links WHERE repository = ? AND digest = ? AND refs = 0 AND idle_since < ?",
            (link.repository, link.digest, before),
        ):
            dropped += 1
            tx.execute("UPDATE blobs SET links = links - 1 WHERE digest = ?", (link.digest,))
    return dropped


def drop_blobs(tx: Transaction, limit: int) -> list[tuple[str, int]]:
    """Forget blobs that no repository may use; return location and size of each.

    Nobody can learn of such a location again, so it can be removed at leisure.
    """
    dropped: list[tuple[str, int]] = []
    rows = tx.execute("SELECT digest FROM blobs WHERE links = 0 ORDER BY digest LIMIT ?", (limit,))
    for (digest,) in rows:
        dropped += [
            (location, size)
            for location, size in tx.execute(
                "DELETE FROM blobs WHERE digest = ? AND links = 0 RETURNING location, size",
                (digest,),
            )
        ]
    return dropped


def foresee(tx: Transaction, before: float) -> tuple[int, int, int]:
    """Return how many links would go, how many blobs with them, and the blobs' bytes."""
    links = tx.execute("SELECT COUNT(*) FROM links WHERE refs = 0 AND idle_since < ?", (before,))
    blobs = tx.execute(
        "SELECT COUNT(*), COALESCE(SUM(b.size), 0) FROM blobs b WHERE b.links = "
        "(SELECT COUNT(*) FROM links l WHERE l.digest = b.digest AND l.refs = 0 "
        "AND l.idle_since < ?)",
        (before,),
    )
    return links[0][0], blobs[0][0], int(blobs[0][1])


def named(tx: Transaction, locations: list[str]) -> set[str]:
    """Return those of `locations` that are known; each tells its digest (see the driver)."""
    known: set[str] = set()
    for location in locations:
        algorithm, _, file = location.split("/")
        digest = f"{algorithm}:{file.partition('.')[0]}"
        rows = tx.execute("SELECT location FROM blobs WHERE digest = ?", (digest,))
        known.update(found for (found,) in rows)
    return known
