"""Statements of retention: tags by age, and manifests that nothing keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from baleen.oci.digest import Digest
from baleen.registry.metadata.manifests import remove_manifest

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from baleen.registry.metadata.database import Transaction

__all__ = [
    "Tagged",
    "Untagged",
    "remove_tag_as_seen",
    "remove_untagged",
    "tags_by_age",
    "untagged",
]


@dataclass(frozen=True, slots=True)
class Tagged:
    """A tag, and when it was last pushed (UTC seconds)."""

    name: str
    digest: str
    updated: float


@dataclass(frozen=True, slots=True)
class Untagged:
    """A manifest that nothing keeps, and when it was last pushed."""

    digest: str
    pushed: float


def tags_by_age(tx: Transaction, repository: str) -> list[Tagged]:
    """Return all tags, newest first."""
    rows = tx.execute(
        "SELECT name, digest, updated FROM tags WHERE repository = ? "
        "ORDER BY updated DESC, name DESC",
        (repository,),
    )
    return [Tagged(*row) for row in rows]


def remove_tag_as_seen(tx: Transaction, repository: str, tagged: Tagged) -> bool:
    """Remove the tag unless it was pushed since; say whether it is removed."""
    return bool(
        tx.change(
            "DELETE FROM tags WHERE repository = ? AND name = ? AND digest = ? AND updated = ?",
            (repository, tagged.name, tagged.digest, tagged.updated),
        )
    )


def untagged(
    tx: Transaction,
    repository: str,
    before: float,
    gone_tags: AbstractSet[str],
    gone: AbstractSet[str],
) -> list[Untagged]:
    """Return manifests, pushed before `before`, that nothing keeps.

    Tags in `gone_tags` and manifests in `gone` keep nothing: a dry run has not removed them.
    """
    rows = tx.execute(
        "SELECT digest, pushed, subject FROM manifests WHERE repository = ? AND pushed < ?",
        (repository, before),
    )
    return [
        Untagged(digest, pushed)
        for digest, pushed, subject in rows
        if digest not in gone and not _is_kept(tx, repository, digest, subject, gone_tags, gone)
    ]


def _is_kept(
    tx: Transaction,
    repository: str,
    digest: str,
    subject: str,
    gone_tags: AbstractSet[str],
    gone: AbstractSet[str],
) -> bool:
    tags = tx.execute(
        "SELECT name FROM tags WHERE repository = ? AND digest = ?", (repository, digest)
    )
    parents = tx.execute(
        "SELECT parent FROM edges WHERE repository = ? AND child = ? AND is_blob = 0",
        (repository, digest),
    )
    subjects = tx.execute(
        "SELECT digest FROM manifests WHERE repository = ? AND digest = ?", (repository, subject)
    )
    return (
        any(name not in gone_tags for (name,) in tags)
        or any(parent not in gone for (parent,) in parents)
        or any(found not in gone for (found,) in subjects)
    )


def remove_untagged(tx: Transaction, repository: str, manifest: Untagged, now: float) -> bool:
    """Remove the manifest unless something keeps it by now; say whether it is removed."""
    # Taking the row first: who points at it meanwhile has changed `pushed`, or will not find it.
    rows = tx.execute(
        "UPDATE manifests SET pushed = pushed WHERE repository = ? AND digest = ? AND pushed = ? "
        "RETURNING subject",
        (repository, manifest.digest, manifest.pushed),
    )
    if not rows or _is_kept(tx, repository, manifest.digest, rows[0][0], set(), set()):
        return False
    return remove_manifest(tx, repository, Digest(manifest.digest), now) is not None
