"""Collection and retention by command, beside a registry that may be serving the same data."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from baleen.errors import NotFound
from baleen.registry.contents import Contents, open_contents
from baleen.registry.events import Silence
from baleen.registry.garbage import Report, collect
from baleen.registry.retention import Removal, retain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from baleen.registry.settings import Settings

__all__ = ["collect_once", "retain_once"]


def _check_root(settings: Settings) -> None:
    root = Path(settings.storage.root)
    if settings.storage.s3 is None and not root.is_dir():
        # Not made by a command that only removes: the path is more likely mistyped.
        raise NotFound(f"there is no registry's data in {root}", hint="give --data or --config")


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Contents]:
    _check_root(settings)
    contents = open_contents(settings)
    await contents.start()
    try:
        yield contents
    finally:
        await contents.close()


async def collect_once(settings: Settings, *, dry_run: bool) -> Report:
    """Collect; see `garbage`."""
    async with _opened(settings) as contents:
        return await collect(contents, upload_age_s=settings.storage.upload_age_s, dry_run=dry_run)


async def retain_once(settings: Settings, *, dry_run: bool) -> list[Removal]:
    """Apply the retention rules; see `retention`."""
    async with _opened(settings) as contents:
        return await retain(contents, settings.retention, Silence(), dry_run=dry_run)
