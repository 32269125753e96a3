"""What a registry does by itself while it serves: collection and retention."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from baleen.errors import BaleenError
from baleen.registry.garbage import collect
from baleen.registry.retention import retain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from baleen.registry.contents import Contents
    from baleen.registry.events import EventSink
    from baleen.registry.settings import Settings

__all__ = ["keep_house"]

log = logging.getLogger(__name__)


async def keep_house(contents: Contents, settings: Settings, events: EventSink) -> None:
    """Run until cancelled; a failure is logged and tried again at the next turn.

    The first collection is at once: it is what repairs after a crash.
    """
    async with asyncio.TaskGroup() as group:
        if settings.garbage.interval_s is not None:
            group.create_task(
                _repeat(
                    lambda: _collect(contents, settings),
                    min(settings.garbage.interval_s, settings.storage.purge_interval_s),
                )
            )
        if settings.retention:
            group.create_task(
                _repeat(lambda: _retain(contents, settings, events), settings.retention_interval_s)
            )


async def _repeat(work: Callable[[], Awaitable[None]], interval_s: float) -> None:
    while True:
        try:
            await work()
        except (BaleenError, OSError) as err:
            log.error("housekeeping: %s", err)
        except Exception:  # a bug: it must not end the serving beside it
            log.exception("housekeeping failed")
        await asyncio.sleep(interval_s)


async def _collect(contents: Contents, settings: Settings) -> None:
    report = await collect(contents, upload_age_s=settings.storage.upload_age_s)
    if any((report.links, report.blobs, report.orphans, report.uploads)):
        log.info("garbage: removed %s", report)


async def _retain(contents: Contents, settings: Settings, events: EventSink) -> None:
    for removal in await retain(contents, settings.retention, events):
        log.info("retention: removed %s", removal)
