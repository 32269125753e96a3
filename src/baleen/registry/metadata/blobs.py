"""Statements about blobs and about which repositories may use them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from baleen.oci.digest import Digest
    from baleen.registry.metadata.database import Transaction

__all__ = [
    "Blob",
    "add_blob",
    "find_blob",
    "link_known",
    "location_of",
    "sources",
    "touch",
    "unlink",
]


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob that a repository may use.

    Attributes:
        location: in the storage.
        refs: manifests of the repository that name it.
        idle_since: UTC seconds; see the schema.
    """

    digest: Digest
    size: int
    location: str
    refs: int
    idle_since: float


def find_blob(tx: Transaction, repository: str, digest: Digest) -> Blob | None:
    """Return the blob if `repository` may use it."""
    rows = tx.execute(
        "SELECT l.size, b.location, l.refs, l.idle_since FROM links l "
        "JOIN blobs b ON b.digest = l.digest WHERE l.repository = ? AND l.digest = ?",
        (repository, digest),
    )
    return Blob(digest, *rows[0]) if rows else None


def location_of(tx: Transaction, digest: Digest) -> str | None:
    """Return where the registry has the blob, whoever may use it."""
    rows = tx.execute("SELECT location FROM blobs WHERE digest = ?", (digest,))
    return rows[0][0] if rows else None


def touch(tx: Transaction, repository: str, digest: Digest, now: float) -> None:
    """Note that a client was told of the blob, so that a push can count on it for a while."""
    tx.execute(
        "UPDATE links SET idle_since = ? WHERE repository = ? AND digest = ? AND idle_since < ?",
        (now, repository, digest, now),
    )


def sources(tx: Transaction, digest: Digest, limit: int) -> list[str]:
    """Return up to `limit` repositories that may use the blob."""
    rows = tx.execute(
        "SELECT repository FROM links WHERE digest = ? ORDER BY repository LIMIT ?", (digest, limit)
    )
    return [name for (name,) in rows]


def link_known(tx: Transaction, repository: str, digest: Digest, now: float) -> Blob | None:
    """Let `repository` use the blob if the registry has it; None if not."""
    if _link(tx, repository, digest, now):
        return find_blob(tx, repository, digest)
    return None


def add_blob(
    tx: Transaction,
    repository: str,
    digest: Digest,
    size: int,
    location: str,
    now: float,
    lost: str,
) -> Blob:
    """Note a blob that lies at `location`, and let `repository` use it.

    When the registry knows the blob already, its location stays, unless that is `lost`, at which
    the storage has nothing any more. The caller removes what the result does not point to.
    """
    tx.execute(
        "INSERT INTO blobs (digest, size, location, links) VALUES (?, ?, ?, 0) "
        "ON CONFLICT (digest) DO UPDATE SET location = "
        "CASE WHEN blobs.location = ? THEN excluded.location ELSE blobs.location END",
        (digest, size, location, lost),
    )
    _link(tx, repository, digest, now)
    found = find_blob(tx, repository, digest)
    assert found is not None
    return found


def _link(tx: Transaction, repository: str, digest: Digest, now: float) -> bool:
    # Counting locks the blob's row: a collection that wants to remove it sees the count.
    if not tx.change("UPDATE blobs SET links = links + 1 WHERE digest = ?", (digest,)):
        return False
    added = tx.change(
        "INSERT INTO links (repository, digest, size, refs, idle_since) "
        "SELECT ?, b.digest, b.size, "
        "(SELECT COUNT(*) FROM edges e WHERE e.repository = ? AND e.child = b.digest "
        "AND e.is_blob = 1),"
        " ? FROM blobs b WHERE b.digest = ? ON CONFLICT DO NOTHING",
        (repository, repository, now, digest),
    )
    if not added:
        tx.execute("UPDATE blobs SET links = links - 1 WHERE digest = ?", (digest,))
        touch(tx, repository, digest, now)
    return True


def unlink(tx: Transaction, repository: str, digest: Digest) -> str | None:
    """Take the blob from `repository`.

    Returns an empty string when it is taken, the digest of a manifest that needs it, or None when
    the repository has no such blob.
    """
    parents = tx.execute(
        "SELECT parent FROM edges WHERE repository = ? AND child = ? AND is_blob = 1 LIMIT 1",
        (repository, digest),
    )
    if parents:
        found = find_blob(tx, repository, digest)
        return None if found is None else str(parents[0][0])
    if not tx.change(
        "DELETE FROM links WHERE repository = ? AND digest = ? AND refs = 0", (repository, digest)
    ):
        return None
    tx.execute("UPDATE blobs SET links = links - 1 WHERE digest = ?", (digest,))
    return ""
