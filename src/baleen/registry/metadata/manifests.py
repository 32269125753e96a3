"""Statements about manifests and what they refer to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from baleen.oci.digest import Digest
from baleen.registry.errors import ApiError, Code

if TYPE_CHECKING:
    from baleen.registry.documents import Document
    from baleen.registry.metadata.database import Transaction

__all__ = [
    "StoredManifest",
    "add_manifest",
    "find_manifest",
    "referrers",
    "remove_manifest",
    "resolve_tag",
]

_REPORTED = 20
_INSERT = (
    "INSERT INTO manifests (repository, digest, media_type, artifact_type, subject, descriptor, "
    "payload, pushed) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
# Pushed anew: a retention rule that looks at age sees it as new.
_REFRESH = "UPDATE manifests SET pushed = ? WHERE repository = ? AND digest = ?"


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """A manifest as it was pushed.

    Attributes:
        tagged_at: UTC seconds at which the tag that was asked for was last written; 0 if none was.
    """

    digest: Digest
    media_type: str
    payload: bytes
    tagged_at: float


def find_manifest(
    tx: Transaction, repository: str, reference: Digest | str
) -> StoredManifest | None:
    """Return the manifest that a digest or a tag names."""
    if isinstance(reference, Digest):
        rows = tx.execute(
            "SELECT digest, media_type, payload FROM manifests WHERE repository = ? AND digest = ?",
            (repository, reference),
        )
    else:
        rows = tx.execute(
            "SELECT m.digest, m.media_type, m.payload, t.updated FROM tags t "
            "JOIN manifests m ON m.repository = t.repository AND m.digest = t.digest "
            "WHERE t.repository = ? AND t.name = ?",
            (repository, reference),
        )
    if not rows:
        return None
    digest, media_type, payload, *tagged_at = rows[0]
    return StoredManifest(Digest(digest), media_type, bytes(payload), *tagged_at or (0.0,))


def resolve_tag(tx: Transaction, repository: str, tag: str) -> str | None:
    """Return the digest that the tag points to."""
    rows = tx.execute(
        "SELECT digest FROM tags WHERE repository = ? AND name = ?", (repository, tag)
    )
    return rows[0][0] if rows else None


def add_manifest(
    tx: Transaction,
    repository: str,
    digest: Digest,
    document: Document,
    tag: str | None,
    now: float,
    *,
    complete: bool,
) -> None:
    """Store a manifest, count what it refers to, and point `tag` at it.

    With `complete`, all that it requires must be here.

    Raises:
        ApiError: MANIFEST_BLOB_UNKNOWN with the digests that are missing; MANIFEST_INVALID when a
            blob has another size than the manifest says.
    """
    row = (
        repository,
        digest,
        document.media_type,
        document.artifact_type,
        document.subject or "",
        document.descriptor,
        document.payload,
        now,
    )
    added = tx.change(_INSERT, row)
    while not added and not tx.change(_REFRESH, (now, repository, digest)):
        # It was there, and was removed before we could take it.
        added = tx.change(_INSERT, row)
    if added:
        missing = _count_children(tx, repository, digest, document, now, check_sizes=complete)
    else:
        # Perhaps it came into a cache, which need not be complete.
        missing = _missing_children(tx, repository, document)
    if missing and complete:
        raise ApiError(
            Code.MANIFEST_BLOB_UNKNOWN,
            detail=[{"digest": child} for child in missing[:_REPORTED]],
        )
    if tag is not None:
        tx.execute(
            "INSERT INTO tags (repository, name, digest, updated) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (repository, name) DO UPDATE SET digest = excluded.digest, "
            "updated = excluded.updated",
            (repository, tag, digest, now),
        )


def _count_children(
    tx: Transaction,
    repository: str,
    digest: Digest,
    document: Document,
    now: float,
    *,
    check_sizes: bool,
) -> list[str]:
    """Note and count what a new manifest refers to; return what it requires and is not here."""
    missing: list[str] = []
    # In order, so that two pushes of the same layers wait for each other and never in a circle.
    for child in sorted(document.children, key=lambda child: child.digest):
        if child.is_blob:
            rows = tx.execute(
                "UPDATE links SET refs = refs + 1 WHERE repository = ? AND digest = ? "
                "RETURNING size",
                (repository, child.digest),
            )
            if rows and rows[0][0] != child.size and check_sizes:
                raise ApiError(
                    Code.MANIFEST_INVALID,
                    f"blob {child.digest} has {rows[0][0]} bytes, the manifest says {child.size}",
                )
        else:
            # Marked as new, so that a retention rule that saw it before leaves it.
            rows = tx.execute(
                "UPDATE manifests SET pushed = ? WHERE repository = ? AND digest = ? RETURNING 1",
                (now, repository, child.digest),
            )
        if not rows and child.required:
            missing.append(child.digest)
        tx.execute(
            "INSERT INTO edges (repository, parent, child, is_blob) VALUES (?, ?, ?, ?)",
            (repository, digest, child.digest, int(child.is_blob)),
        )
    return missing


def _missing_children(tx: Transaction, repository: str, document: Document) -> list[str]:
    return [
        child.digest
        for child in document.children
        if child.required
        and not tx.execute(
            "SELECT 1 FROM links WHERE repository = ? AND digest = ?"
            if child.is_blob
            else "SELECT 1 FROM manifests WHERE repository = ? AND digest = ?",
            (repository, child.digest),
        )
    ]


def remove_manifest(
    tx: Transaction, repository: str, digest: Digest, now: float
) -> list[str] | None:
    """Remove a manifest; return the tags that pointed at it, or None when there is none."""
    if not tx.change(
        "DELETE FROM manifests WHERE repository = ? AND digest = ?", (repository, digest)
    ):
        return None
    tags = tx.execute(
        "DELETE FROM tags WHERE repository = ? AND digest = ? RETURNING name", (repository, digest)
    )
    children = tx.execute(
        "DELETE FROM edges WHERE repository = ? AND parent = ? RETURNING child, is_blob",
        (repository, digest),
    )
    for child, is_blob in sorted(children):
        if is_blob:
            tx.execute(
                "UPDATE links SET refs = refs - 1, idle_since = ? "
                "WHERE repository = ? AND digest = ?",
                (now, repository, child),
            )
    return sorted(name for (name,) in tags)


def referrers(
    tx: Transaction, repository: str, subject: Digest, last: str, limit: int, artifact_type: str
) -> list[tuple[str, bytes]]:
    """Return digest and descriptor (JSON) of manifests whose subject it is, after `last`."""
    rows = tx.execute(
        "SELECT digest, descriptor FROM manifests WHERE repository = ? AND subject = ? "
        "AND subject <> '' AND digest > ? AND (? = '' OR artifact_type = ?) "
        "ORDER BY digest LIMIT ?",
        (repository, subject, last, artifact_type, artifact_type, limit),
    )
    return [(digest, bytes(descriptor)) for digest, descriptor in rows]
