"""Collection of what nothing counts any more, while the registry serves.

    1. links without a manifest, idle longer than the grace period, are dropped
    2. blobs without a link are forgotten by the database, then removed from the storage
    3. bytes in the storage that the database does not name, an hour after they came, are removed
    4. uploads that were begun too long ago are removed

A push never waits for more than a few hundred rows, and loses nothing: whoever uploads, mounts, or
looks for a blob may use it for the grace period; a manifest that names it holds it from then on;
and bytes are removed only from locations that can never be found again (see `storage`).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from baleen.registry.metadata import garbage as records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from baleen.registry.contents import Contents
    from baleen.registry.metadata.database import Transaction

__all__ = ["Report", "collect"]

log = logging.getLogger(__name__)

_STEP = 200
# Longer than any time between a blob's rename and the commit of its row.
_ORPHAN_AGE_S = 3600


@dataclass(frozen=True, slots=True)
class Report:
    """What a collection removed, or would remove.

    Attributes:
        links: uses of blobs by repositories.
        blobs: blobs that no repository uses.
        size: bytes of them.
        orphans: blobs that only the storage knew.
        uploads: unfinished uploads.
    """

    links: int = 0
    blobs: int = 0
    size: int = 0
    orphans: int = 0
    uploads: int = 0

    def __str__(self) -> str:
        return (
            f"{self.blobs} blobs ({self.size} bytes), {self.links} unused references, "
            f"{self.orphans} incomplete blobs, {self.uploads} stale uploads"
        )


async def collect(
    contents: Contents, *, upload_age_s: float | None, dry_run: bool = False
) -> Report:
    """Collect once; safe beside pushes, pulls and other collections.

    A dry run counts the blobs whose last links would go, and changes nothing.
    """
    before = contents.clock() - contents.grace_s
    if dry_run:
        report = await contents.database.read(lambda tx: _foresee(tx, before))
    else:
        report = await _drop(contents, before)
    orphans = await _sweep(contents, dry_run=dry_run)
    uploads = 0
    if upload_age_s is not None:
        horizon = contents.clock() - upload_age_s
        uploads = await contents.uploads.purge(horizon, dry_run=dry_run)
    return replace(report, orphans=orphans, uploads=uploads)


def _foresee(tx: Transaction, before: float) -> Report:
    links, blobs, size = records.foresee(tx, before)
    return Report(links=links, blobs=blobs, size=size)


async def _drop(contents: Contents, before: float) -> Report:
    links = blobs = size = 0
    while idle := await contents.database.read(lambda tx: records.idle_links(tx, before, _STEP)):
        drop = partial(records.drop_links, links=idle, before=before)
        links += await contents.database.write(drop)
    while dropped := await contents.database.write(lambda tx: records.drop_blobs(tx, _STEP)):
        await contents.uploads.in_thread(_remove, contents, [location for location, _ in dropped])
        blobs += len(dropped)
        size += sum(length for _, length in dropped)
    return Report(links=links, blobs=blobs, size=size)


def _remove(contents: Contents, locations: list[str]) -> None:
    for location in locations:
        contents.storage.remove(location)


async def _sweep(contents: Contents, *, dry_run: bool) -> int:
    """Remove what a crash left: bytes that were made durable and never named."""
    horizon = contents.clock() - _ORPHAN_AGE_S
    found = contents.storage.locations()
    orphans = 0
    while batch := await contents.uploads.in_thread(_take, found, horizon):
        named = await contents.database.read(partial(records.named, locations=batch))
        lost = [location for location in batch if location not in named]
        if lost and not dry_run:
            log.warning("removing %d blobs that no push completed", len(lost))
            await contents.uploads.in_thread(_remove, contents, lost)
        orphans += len(lost)
    return orphans


def _take(found: Iterator[tuple[str, float]], horizon: float) -> list[str]:
    batch: list[str] = []
    for location, committed in found:
        if committed < horizon:
            batch.append(location)
        if len(batch) == _STEP:
            break
    return batch
